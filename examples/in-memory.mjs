// The engine without I/O: two connections, and arrays in place of a network.
import { readFileSync } from 'node:fs';
import { loadIdentity } from 'tacit-tls';
import { clientConfig, serverConfig, TlsConnection } from 'tacit-tls/engine';

const [certificate = 'cert.pem', key = 'key.pem'] = process.argv.slice(2);
const identity = loadIdentity({ cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') });
// A policy of one's own: the one certificate that we know.
const trust = {
  fingerprint: identity.chain[0],
  verify: ({ chain }) =>
    Buffer.compare(chain[0], identity.chain[0]) === 0
      ? { trusted: true, validUntil: Number.POSITIVE_INFINITY }
      : { trusted: false, error: new Error('not the certificate that we know') },
};
const client = TlsConnection.client(clientConfig({ trust }), { host: 'localhost' });
const server = TlsConnection.server(serverConfig({ identity }));

function step(name, from, to) {
  for (let event = from.next(); event; event = from.next()) {
    console.log(name, event.type, event.type === 'data' ? new TextDecoder().decode(event.data) : '');
  }
  const output = from.takeOutput();
  for (const bytes of output) to.receive(bytes);
  return output.length > 0;
}
function run() {
  while ([step('client', client, server), step('server', server, client)].includes(true));
}

run();
client.send(new TextEncoder().encode('hello'));
run();
client.closeWrite();
run();
server.closeWrite();
run();
