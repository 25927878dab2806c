"""A client without a certificate, on Python's ssl: see ../../README.md for the protocol.

`while-writing` reads whenever something can be read; `after-writing` writes everything first, as most programs do.
"""

import errno
import select
import socket
import ssl
import sys


def read_while_writing(tls, data):
    tls.setblocking(False)
    sent = 0
    while True:
        writers = [tls] if sent < len(data) else []
        readable, writable, _ = select.select([tls], writers, [])
        if readable:
            try:
                if tls.recv(65536) == b"":
                    return
            except ssl.SSLWantReadError:
                pass
        if writable:
            try:
                sent += tls.send(data[sent : sent + 65536])
            except ssl.SSLWantWriteError:
                pass


def read_after_writing(tls, data):
    tls.sendall(data)
    while tls.recv(65536):
        pass


def upload(context, port, name, data, transfer):
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                transfer(tls, data)
                return "ended"
    except ssl.SSLError as error:
        required = error.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        return "certificate_required" if required else error.reason or type(error).__name__
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def main():
    variant, port, ca, name, length = sys.argv[1:]
    transfer = read_while_writing if variant == "while-writing" else read_after_writing
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    data = memoryview(bytes(int(length)))
    for _ in sys.stdin:
        print(upload(context, int(port), name, data, transfer), flush=True)


main()
