// HTTP of Node's own over Tacit: whatever takes a duplex takes `toDuplex(stream)`.
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { connect, listen, serve, toDuplex } from 'tacit-tls';

const [certificate = 'cert.pem', key = 'key.pem'] = process.argv.slice(2);
const identity = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
const server = createServer((request, response) => response.end(`you asked for ${request.url}\n`));
const listener = await listen({ host: '127.0.0.1', port: 0, identity });
void serve(listener, async (stream) => {
  const duplex = toDuplex(stream);
  server.emit('connection', duplex);
  // When a handler returns, its stream is closed.
  await new Promise((resolve) => duplex.once('close', resolve));
});

const stream = await connect({ host: 'localhost', port: listener.address.port, ca: identity.cert });
const duplex = toDuplex(stream);
get({ host: 'localhost', path: '/here', createConnection: () => duplex }, async (response) => {
  for await (const part of response.setEncoding('utf8')) process.stdout.write(part);
});
duplex.once('close', () => listener.close());
