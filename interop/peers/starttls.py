"""A line server that begins TLS at STARTTLS, and ends it at STOP: `starttls.py CERT KEY`. Says its port first."""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()


def line(of):
    got = b""
    while not got.endswith(b"\n"):
        byte = of.recv(1)
        if not byte:
            raise EOFError
        got += byte
    return got.strip()


for _ in range(2):
    assert line(plain) == b"STARTTLS"
    plain.sendall(b"220 go ahead\r\n")
    tls = context.wrap_socket(plain, server_side=True)
    while (said := line(tls)) != b"STOP":
        tls.sendall(b"you said " + said + b"\r\n")
    plain = tls.unwrap()
print("done", flush=True)
