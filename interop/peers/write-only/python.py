"""A client that only writes, on Python's ssl: see ../../README.md for the protocol.

`truncate` closes the socket, as programs mostly do: no close_notify. `close_notify` sends one without reading:
SSLSocket.unwrap() waits for the peer's, so that this variant works on a plain socket and a pair of memory BIOs.
"""

import socket
import ssl
import sys


VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def upload_and_close(context, port, name, data):
    plain = socket.create_connection(("127.0.0.1", port))
    tls = context.wrap_socket(plain, server_hostname=name)
    tls.sendall(data)
    tls.close()


def upload_and_notify(context, port, name, data):
    plain = socket.create_connection(("127.0.0.1", port))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
    for start in range(0, len(data), 65536):
        tls.write(data[start : start + 65536])
        plain.sendall(outgoing.read())
    try:
        tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    plain.sendall(outgoing.read())
    plain.close()


def main():
    variant, port, ca, name, path, version = sys.argv[1:]
    upload = upload_and_notify if variant == "close_notify" else upload_and_close
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    with open(path, "rb") as file:
        data = memoryview(file.read())
    for line in sys.stdin:
        try:
            upload(context, int(port), name, data[: int(line)])
            print("closed", flush=True)
        except OSError as error:
            print("failed", error, flush=True)


main()
