"""A server on Python's ssl that requires a client certificate: see ../../README.md for the protocol."""

import socket
import ssl
import sys

cert, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(cert, key)
context.load_verify_locations(cert)
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(f"ACCEPT 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    plain, _ = listener.accept()
    try:
        context.wrap_socket(plain, server_side=True).close()
    except OSError:
        pass
    finally:
        plain.close()
