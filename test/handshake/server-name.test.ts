import { describe, expect, it } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { PeerName } from '../../src/handshake/client-hello.ts';
import type { ClientHelloInfo } from '../../src/handshake/config.ts';
import { decodeEncryptedExtensions } from '../../src/wire/messages.ts';
import { clientConfig, clientEndpoint, serverConfig, serverIdentity } from '../support/engine.ts';
import { altering, bothDone, clientOf, connect, outcomeOf, serverOf } from '../support/handshake.ts';
import { clientWithHello, helloOf } from '../support/hello.ts';

describe('server_name', () => {
  it.each<[string | undefined, PeerName]>([
    ['host.example', { host: 'host.example' }],
    ['host.example', { host: 'host.example.' }],
    ['Host.Example', { host: 'Host.Example' }],
    ['name.example', { host: '192.0.2.1', serverName: 'name.example' }],
    ['name.example', { host: 'host.example', serverName: 'name.example.' }],
    ['a_b-c.1', { host: 'a_b-c.1' }],
    [undefined, { host: 'host.example', serverName: '' }],
    [undefined, { host: '192.0.2.1' }],
    [undefined, { host: '192.0.2.1.' }],
    [undefined, { host: '2001:db8::1' }],
    [undefined, { host: '::ffff:192.0.2.1' }],
    [undefined, { host: 'fe80::1%eth0' }],
    [undefined, { host: 'host.example', serverName: '192.0.2.1' }],
    [undefined, { host: '' }],
  ])('is %s for %j', (name, peer) => {
    expect(helloOf(clientOf(clientConfig(), peer)).extensions.server_name).toBe(name);
  });

  it.each(['bücher.example', 'šmazon.com', 'a b', 'a\0b', 'a\nb', 'a'.repeat(256)])(
    'never becomes the name of somebody else: %j is the caller’s mistake',
    (host) => {
      expect(() => clientOf(clientConfig(), { host })).toThrow(TlsUsageError);
      expect(() => clientOf(clientConfig(), { host: 'host.example', serverName: host })).toThrow(
        TlsUsageError,
      );
      expect(() => clientOf(clientConfig(), { host, serverName: '' })).not.toThrow();
    },
  );

  it('comes to the selector in lower case, and is in the info of both sides', async () => {
    const heard: ClientHelloInfo[] = [];
    const identity = await serverIdentity();
    const server = serverOf(
      await serverConfig({
        identity: (hello) => {
          heard.push(hello);
          return identity;
        },
      }),
    );
    const client = clientOf(clientConfig(), { host: 'Host.Example' });
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(heard.map(({ serverName }) => serverName)).toEqual(['host.example']);
    expect([client.info.serverName, server.info.serverName]).toEqual(['Host.Example', 'host.example']);
  });

  it('of a peer is kept as it came where it is a property of objects', async () => {
    for (const name of ['__proto__', 'constructor']) {
      const server = serverOf(await serverConfig());
      expect(outcomeOf(clientOf(clientConfig(), { host: name }), server)).toEqual(bothDone);
      expect(server.info.serverName).toBe(name);
    }
  });

  it('is answered where it was sent, and never in a resumed handshake (RFC 6066 §3)', async () => {
    const answered: (true | undefined)[] = [];
    const config = await serverConfig();
    const watched = (): ReturnType<typeof serverOf> =>
      serverOf(
        config,
        altering('encrypted_extensions', (message) => {
          answered.push(decodeEncryptedExtensions(message.subarray(4)).server_name);
          return message;
        }),
      );
    const settings = clientConfig();
    connect(clientEndpoint(settings), watched());
    connect(clientOf(settings, { host: '192.0.2.1' }), watched());
    expect(connect(clientEndpoint(settings), watched()).server.info.resumed).toBe(true);
    expect(answered).toEqual([true, undefined, undefined]);
  });

  it('is no host of 256 characters to a server', async () => {
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, server_name: 'a'.repeat(256) },
    }));
    expect(outcomeOf(client, serverOf(await serverConfig())).server).toBe('illegal_parameter');
  });
});
