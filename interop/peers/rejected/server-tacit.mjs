// A Tacit server, as it is built, that requires a client certificate: see ../../README.md for the protocol.
import { readFileSync } from 'node:fs';
import { listen, serve } from '../../../dist/index.js';

const [, , cert, key, settings] = process.argv;
const pem = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
const listener = await listen({
  host: '127.0.0.1',
  port: 0,
  identity: pem,
  clientAuthentication: 'require',
  ca: pem.cert,
  drain: JSON.parse(settings),
});
process.stdout.write(`ACCEPT 127.0.0.1:${listener.address.port}\n`);
await serve(listener, () => {}, { onError: () => {} });
