// A client without a certificate, on Tacit as it is built: see ../../README.md for the protocol.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { clientConfig, connect } from '../../../dist/index.js';

const [, , port, ca, serverName, bytes] = process.argv;
const config = clientConfig({ ca: readFileSync(ca, 'utf8') });
const data = new Uint8Array(Number(bytes));

async function upload() {
  const stream = await connect({ host: '127.0.0.1', port: Number(port), serverName, config });
  try {
    // It only writes: Tacit reads for itself.
    await stream.write(data);
    return `ended ${(await stream.close()).ended}`;
  } catch (error) {
    return error.alert ?? error.code ?? error.message;
  } finally {
    stream.destroy();
  }
}

for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await upload().catch((error) => `failed ${error.message}`)}\n`);
}
