// A node:tls server that requires a client certificate: see ../../README.md for the protocol.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const [, , cert, key] = process.argv;
const pem = { cert: readFileSync(cert), key: readFileSync(key) };
const options = { ...pem, ca: pem.cert, requestCert: true, minVersion: 'TLSv1.3' };
const server = tls.createServer(options, (socket) => socket.end());
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ACCEPT 127.0.0.1:${server.address().port}\n`);
});
