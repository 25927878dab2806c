import { readFileSync } from 'node:fs';
import { listen, serve } from 'tacit-tls';

const [certificate = 'cert.pem', key = 'key.pem', port = 6514] = process.argv.slice(2);
const identity = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
const listener = await listen({ host: '127.0.0.1', port: Number(port), identity });
console.log(`listening on port ${listener.address.port}`);
await serve(listener, async (stream) => {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  console.log(`${bytes} bytes, complete`);
});
