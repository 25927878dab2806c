"""Runs scripts of calls on the two ends of loopback connections, and says what the kernel answered.

Standard input: a JSON list of scripts, each a list of [call, end, bytes]. Standard output: a list of lists of answers.
"""

import array
import errno
import fcntl
import json
import socket
import struct
import sys
import termios
import time

BUFFER = 65536


def pair():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    first = socket.socket()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    first.connect(listener.getsockname())
    second, _ = listener.accept()
    listener.close()
    for end in (first, second):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return [first, second]


def queued(end, request):
    count = array.array("i", [0])
    fcntl.ioctl(end, request, count)
    return count[0]


class Connection:
    def __init__(self):
        self.ends = pair()
        self.written = [0, 0]
        self.read = [0, 0]
        self.flooded = [False, False]

    def quiet(self, thoroughly=False):
        """Waits until nothing moves any more."""
        before, same = None, 0
        while same < (3 if thoroughly else 1):
            time.sleep(0.001 if thoroughly else 0.0002)
            now = [
                (queued(end, termios.FIONREAD), queued(end, termios.TIOCOUTQ))
                for end in self.ends
                if end is not None
            ]
            same = same + 1 if now == before else 0
            before = now

    def run(self, call, number, count):
        end = self.ends[number]
        try:
            return getattr(self, call)(number, end, count)
        except OSError as error:
            return errno.errorcode[error.errno]

    def write(self, number, end, count):
        try:
            self.written[number] += end.send(b"x" * count)
        except BlockingIOError:
            pass
        return "ok"

    def flood(self, number, end, _):
        self.flooded[number] = True
        moved = True
        while moved:
            moved = False
            try:
                while True:
                    self.written[number] += end.send(b"x" * 16384)
                    moved = True
            except BlockingIOError:
                self.quiet(True)
        return "ok"

    def take(self, number, end, count):
        """One read. In a direction that was flooded nobody knows how much lies where."""
        try:
            data = end.recv(count)
        except BlockingIOError:
            return "wait"
        self.read[number] += len(data)
        return "end" if data == b"" else len(data)

    def readSome(self, number, end, count):
        return self.take(number, end, count)

    def drain(self, number, end, _):
        total = 0
        while True:
            try:
                answer = self.take(number, end, BUFFER)
            except OSError as error:
                answer = errno.errorcode[error.errno]
            if answer == "wait" and self.flooded[1 - number]:
                self.quiet(True)
                try:
                    answer = self.take(number, end, BUFFER)
                except OSError as error:
                    answer = errno.errorcode[error.errno]
            if not isinstance(answer, int):
                break
            total += answer
        if not self.flooded[1 - number]:
            return f"{total} {answer}"
        return f"{'all' if self.read[number] == self.written[1 - number] else 'some'} {answer}"

    def shutdown(self, number, end, _):
        end.shutdown(socket.SHUT_WR)
        return "ok"

    def close(self, number, end, _):
        end.close()
        self.ends[number] = None
        return "ok"

    def reset(self, number, end, _):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.close(number, end, 0)


def play(script):
    connection = Connection()
    answers = []
    for call, number, count in script:
        answers.append(connection.run(call, number, count))
        connection.quiet(any(connection.flooded))
    for end in connection.ends:
        if end is not None:
            end.close()
    return answers


json.dump([play(script) for script in json.load(sys.stdin)], sys.stdout)
