import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import { exportKeyingMaterial } from '../../src/keys/key-schedule.ts';
import { keyLogLine } from '../../src/keys/keylog.ts';
import { selfSignedCertificate } from '../support/certificates.ts';
import { fromHex } from '../support/hex.ts';

describe.each(Object.values(cipherSuites))('beside OpenSSL: $name', (suite) => {
  it('exports the same keying material from the same secret, and logs keys in the same form', async () => {
    const { keyLog, exported } = await connectToOpenSsl(suite.name);
    const [, clientRandom = '', exporterSecret = ''] = keyLog.get('EXPORTER_SECRET')?.split(' ') ?? [];
    for (const { label, context, output } of exported) {
      const secret = fromHex(exporterSecret);
      const ours = exportKeyingMaterial(nodeCrypto, suite.hash, secret, label, context, output.length);
      expect(toHex(ours)).toBe(toHex(output));
    }
    for (const [label, line] of keyLog) {
      const [, random = '', secret = ''] = line.split(' ');
      expect(random).toBe(clientRandom);
      expect(`${keyLogLine(label, fromHex(random), fromHex(secret))}\n`).toBe(line);
    }
    expect([...keyLog.keys()]).toContain('CLIENT_HANDSHAKE_TRAFFIC_SECRET');
  });
});

interface Exported {
  readonly label: string;
  readonly context: Uint8Array;
  readonly output: Uint8Array;
}

async function connectToOpenSsl(
  suiteName: string,
): Promise<{ keyLog: Map<string, string>; exported: Exported[] }> {
  const { pem, keyPem } = await selfSignedCertificate();
  const server = createServer({ cert: pem, key: keyPem, ciphers: suiteName, minVersion: 'TLSv1.3' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pem, ciphers: suiteName });
  const keyLog = new Map<string, string>();
  client.on('keylog', (line: Buffer) => keyLog.set(line.toString().split(' ')[0] ?? '', line.toString()));
  await once(client, 'secureConnect');
  const exported = [
    { label: 'EXPORTER-Channel-Binding', context: new Uint8Array(0), length: 32 },
    { label: 'EXPERIMENTAL-tacit', context: utf8('some context'), length: 200 },
    { label: 'EXPERIMENTAL-tacit', context: nodeCrypto.randomBytes(1000), length: 1 },
  ].map(({ label, context, length }) => {
    const output = client.exportKeyingMaterial(length, label, Buffer.from(context));
    return { label, context, output };
  });
  client.destroy();
  server.close();
  return { keyLog, exported };
}
