// What the programs of packages have in common: they are told by the environment, and print lines of JSON.
import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const port = Number(process.env.PORT);
export const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS);
/** An authority that has nothing to do with the server. */
export const otherCa = readFileSync(process.env.OTHER_CA);

/** Of a server. */
export const identity = () => ({
  key: readFileSync(process.env.KEY_FILE),
  cert: readFileSync(process.env.CERT_FILE),
});

export const say = (event) => console.log(JSON.stringify(event));

/** One that listens says where; it does on all addresses, not all of which are in the certificate. */
export const sayPort = (server) => server.listen(0, '0.0.0.0', () => say({ port: server.address().port }));

/** What handlers see of the socket of a request. */
export const aboutSocket = ({ socket, httpVersion }, ip) => ({
  httpVersion,
  isLocal: [ip, socket.remoteAddress].every((address) => /127\.0\.0\.1|::1/.test(address)),
  encrypted: socket.encrypted,
  alpnProtocol: socket.alpnProtocol,
  version: socket.getProtocol(),
});

export const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** What compresses into nothing, and crosses many records. */
export const payload = randomFillSync(Buffer.alloc(3_000_000));
