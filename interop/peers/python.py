"""A client and a server on Python's ssl, driven by the interop tests: see ../README.md for the protocol.

Groups, suites and signature algorithms come from OPENSSL_CONF: this module's Python has no calls for them.
"""

import hashlib
import json
import os
import socket
import ssl
import sys


VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def say(**event):
    print(json.dumps(event), flush=True)


def new_context(side, options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if side == "client" else ssl.PROTOCOL_TLS_SERVER)
    versions = [VERSIONS[name] for name in options["versions"].split(",")]
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    if options.get("tickets") == "0":
        context.options |= ssl.OP_NO_TICKET
    if "SSLKEYLOGFILE" in os.environ:
        context.keylog_filename = os.environ["SSLKEYLOGFILE"]
    if "ca" in options:
        context.load_verify_locations(options["ca"])
        if side == "server":
            context.verify_mode = ssl.CERT_REQUIRED
    if "cert" in options:
        context.load_cert_chain(options["cert"], options["key"])
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"].split(","))
    return context


def receive(tls, limit):
    """Reads up to `limit` bytes (None: to the end): the digest, the count and how it ended."""
    digest, count, ended = hashlib.sha256(), 0, None
    while limit is None or count < limit:
        try:
            chunk = tls.recv(65536 if limit is None else min(65536, limit - count))
        except (ssl.SSLEOFError, ConnectionResetError) as error:
            ended = "reset" if isinstance(error, ConnectionResetError) else "fin"
            break
        if not chunk:
            ended = "close_notify"
            break
        digest.update(chunk)
        count += len(chunk)
    return digest.hexdigest(), count, ended


def finish(tls):
    """Sends close_notify and waits for the peer's."""
    try:
        tls.unwrap().close()
        return "close_notify"
    except (ssl.SSLError, OSError):
        return "fin"


def describe(tls):
    return {
        "protocolVersion": tls.version(),
        "resumed": bool(tls.session_reused),
        "cipherSuite": tls.cipher()[0],
        "alpnProtocol": tls.selected_alpn_protocol(),
        "peerCertificate": tls.getpeercert(binary_form=True) is not None,
    }


def run_client(options):
    context = new_context("client", options)
    with open(options["payload"], "rb") as file:
        payload = file.read()
    session = None
    for _ in range(int(options.get("connections", "1"))):
        try:
            plain = socket.create_connection(("127.0.0.1", int(options["port"])))
            tls = context.wrap_socket(
                plain, server_hostname=options["name"], session=session, suppress_ragged_eofs=False
            )
            tls.sendall(payload)
            sha256, count, ended = receive(tls, None)
            report = {**describe(tls), "sha256": sha256, "bytes": count, "ended": ended}
            session = tls.session
            finish(tls)
            say(event="connection", **report)
        except OSError as error:
            say(event="connection", error=str(error))


def run_server(options):
    context = new_context("server", options)
    with open(options["payload"], "rb") as file:
        payload = file.read()
    listener = socket.create_server(("127.0.0.1", 0))
    say(event="listening", port=listener.getsockname()[1])
    for _ in range(int(options.get("connections", "1"))):
        plain, _ = listener.accept()
        try:
            tls = context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
            report = describe(tls)
            if options.get("mode") == "sink":
                say(event="accepted")
                sys.stdin.readline()
                sha256, count, ended = receive(tls, None)
                finish(tls)
            else:
                sha256, count, _ = receive(tls, int(options["expect"]))
                tls.sendall(payload)
                ended = finish(tls)
            say(event="connection", **report, sha256=sha256, bytes=count, ended=ended)
        except OSError as error:
            plain.close()
            say(event="connection", error=str(error))


if __name__ == "__main__":
    settings = dict(argument.split("=", 1) for argument in sys.argv[2:])
    if sys.argv[1] == "version":
        print(f"Python {sys.version.split()[0]} with {ssl.OPENSSL_VERSION}")
    elif sys.argv[1] == "client":
        run_client(settings)
    else:
        run_server(settings)
