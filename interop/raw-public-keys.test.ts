// Raw public keys (RFC 7250), to and from GnuTLS: both sides known by their keys alone.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connect, listen } from '../src/index.ts';
import { missing } from './support/peers.ts';
import { freePort, start, untilListening } from './support/process.ts';
import { scratchFile } from './support/run.ts';

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The arguments that make it a GnuTLS program's own. */
  readonly arguments: readonly string[];
}

const types = ['--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK'];

function newKeys(type: 'ed25519' | 'ec'): Keys {
  const pair =
    type === 'ec' ? generateKeyPairSync(type, { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const files = { private: scratchFile('key.pem'), public: scratchFile('public.pem') };
  writeFileSync(files.private, pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(files.public, pair.publicKey.export({ format: 'pem', type: 'spki' }));
  return { ...pair, arguments: ['--rawpkkeyfile', files.private, '--rawpkfile', files.public] };
}

const own = ({ privateKey }: Keys) => ({ certificateType: 'RawPublicKey', key: privateKey }) as const;

const noServer = missing('gnutls-serv');
const noClient = missing('gnutls-cli');

describe.skipIf(noServer !== undefined)(`Tacit to gnutls-serv${noServer ? ` (${noServer})` : ''}`, () => {
  test.each(['ed25519', 'ec'] as const)(
    'a server that is its key, and a client that is its (%s)',
    async (type) => {
      const [server, client, stranger] = [newKeys(type), newKeys(type), newKeys(type)];
      const port = await freePort();
      const peer = start('gnutls-serv', [
        '--echo',
        '--port',
        `${port}`,
        ...server.arguments,
        ...types,
        '--require-client-cert',
      ]);
      await untilListening(peer, port);
      const target = { host: '127.0.0.1', port, identity: own(client) };
      await expect(connect({ ...target, rawPublicKeys: [stranger.publicKey] })).rejects.toMatchObject({
        check: 'unknown_issuer',
      });
      const stream = await connect({ ...target, rawPublicKeys: [server.publicKey] });
      expect(stream.info?.peerRawPublicKey).toEqual(
        new Uint8Array(server.publicKey.export({ format: 'der', type: 'spki' })),
      );
      await stream.write(Buffer.from('one line\n'));
      expect(Buffer.from((await stream.read()) ?? []).toString()).toBe('one line\n');
      await stream.close();
      await peer.terminate();
    },
  );
});

describe.skipIf(noClient !== undefined)(`gnutls-cli to Tacit${noClient ? ` (${noClient})` : ''}`, () => {
  test.each(['ed25519', 'ec'] as const)(
    'a client that is its key, and a server that is its (%s)',
    async (type) => {
      const [server, client] = [newKeys(type), newKeys(type)];
      const listener = await listen({
        host: '127.0.0.1',
        port: 0,
        identity: own(server),
        clientAuthentication: 'require',
        rawPublicKeys: [client.publicKey],
      });
      const port = ['--port', `${listener.address.port}`, '127.0.0.1'];
      const peer = start('gnutls-cli', ['--insecure', ...client.arguments, ...types, ...port]);
      const stream = await listener.accept();
      const info = await stream.handshake();
      expect(info.peerRawPublicKey).toEqual(
        new Uint8Array(client.publicKey.export({ format: 'der', type: 'spki' })),
      );
      peer.write('one line\n');
      expect(Buffer.from((await stream.read()) ?? []).toString()).toBe('one line\n');
      await stream.closeWrite();
      peer.endInput();
      await stream.close();
      await peer.exited;
      expect(peer.stdout.toString()).toMatch(/Certificate type: Raw Public Key/);
      await listener.close();
    },
  );
});
