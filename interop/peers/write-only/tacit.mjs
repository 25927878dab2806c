// A client that only writes, on Tacit as it is built: see ../../README.md for the protocol.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { clientConfig, connect } from '../../../dist/index.js';

const [, , , port, ca, serverName, path, version] = process.argv;
const config = clientConfig({ ca: readFileSync(ca, 'utf8'), minVersion: version, maxVersion: version });
const data = readFileSync(path);

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const stream = await connect({ host: '127.0.0.1', port: Number(port), serverName, config });
    await stream.write(data.subarray(0, Number(line)));
    await stream.close();
    process.stdout.write('closed\n');
  } catch (error) {
    process.stdout.write(`failed ${error.message}\n`);
  }
}
