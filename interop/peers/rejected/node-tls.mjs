// A client without a certificate, on node:tls with a 'data' listener: see ../../README.md for the protocol.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import tls from 'node:tls';

const [, , port, ca, servername, bytes] = process.argv;
const roots = readFileSync(ca);
const data = Buffer.alloc(Number(bytes));

function upload() {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port: Number(port), servername, ca: roots, minVersion: 'TLSv1.3' };
    const socket = tls.connect(options, () => socket.end(data));
    socket.on('data', () => {});
    socket.on('error', (error) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('ended'));
  });
}

for await (const _ of createInterface({ input: process.stdin })) {
  const outcome = await upload();
  process.stdout.write(
    `${outcome === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' ? 'certificate_required' : outcome}\n`,
  );
}
