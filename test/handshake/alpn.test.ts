import { describe, expect, it } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/messages.ts';
import { clientConfig, clientEndpoint, serverConfig } from '../support/engine.ts';
import {
  alteringServer,
  bothDone,
  type Edit,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';

async function negotiated(
  client: readonly string[],
  server: readonly string[],
): Promise<readonly (string | undefined)[] | ReturnType<typeof outcomeOf>> {
  const pair = {
    client: clientEndpoint(clientConfig({ alpnProtocols: client })),
    server: serverOf(await serverConfig({ alpnProtocols: server })),
  };
  const fate = outcomeOf(pair.client, pair.server);
  if (fate.client !== 'done' || fate.server !== 'done') return fate;
  return [pair.client.info.alpnProtocol, pair.server.info.alpnProtocol];
}

/** EncryptedExtensions that choose a protocol, whatever was offered. */
function choosing(protocol: string): Edit {
  return (message) => {
    const { order, ...extensions } = decodeEncryptedExtensions(message.subarray(4));
    return encodeEncryptedExtensions({ ...extensions, application_layer_protocol_negotiation: protocol });
  };
}

describe('ALPN', () => {
  it('takes what the server likes best of what the client offers', async () => {
    expect(await negotiated(['h2', 'http/1.1'], ['http/1.1', 'h2'])).toEqual(['http/1.1', 'http/1.1']);
    expect(await negotiated(['h2', 'http/1.1'], ['h3', 'h2'])).toEqual(['h2', 'h2']);
  });

  it('without a protocol in common is a no_application_protocol', async () => {
    expect(await negotiated(['h2'], ['http/1.1'])).toEqual(refusedByServer('no_application_protocol'));
    expect(await negotiated(['H2'], ['h2'])).toEqual(refusedByServer('no_application_protocol'));
  });

  it('is not negotiated where one side does without', async () => {
    expect(await negotiated(['h2'], [])).toEqual([undefined, undefined]);
    expect(await negotiated([], ['h2'])).toEqual([undefined, undefined]);
  });

  it('compares names byte by byte, whatever bytes these are', async () => {
    expect(await negotiated(['\0\xff'], ['\xff', '\0\xff'])).toEqual(['\0\xff', '\0\xff']);
    expect(await negotiated(['__proto__'], ['__proto__'])).toEqual(['__proto__', '__proto__']);
    expect(await negotiated(['a'.repeat(255)], ['a'.repeat(255)])).toEqual([
      'a'.repeat(255),
      'a'.repeat(255),
    ]);
  });

  it('by a server that chooses what was not offered is an illegal_parameter', async () => {
    const client = clientEndpoint(clientConfig({ alpnProtocols: ['h2'] }));
    const server = alteringServer(await serverConfig(), 'encrypted_extensions', choosing('http/1.1'));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('illegal_parameter'));
  });

  it('by a server that was not asked is an unsupported_extension', async () => {
    const server = alteringServer(await serverConfig(), 'encrypted_extensions', choosing('h2'));
    expect(outcomeOf(clientEndpoint(clientConfig()), server)).toEqual(
      refusedByClient('unsupported_extension'),
    );
  });

  it('by a server that chooses one of those that were offered is taken', async () => {
    const client = clientEndpoint(clientConfig({ alpnProtocols: ['h2', 'h3'] }));
    const server = alteringServer(await serverConfig(), 'encrypted_extensions', choosing('h3'));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(client.info.alpnProtocol).toBe('h3');
  });

  it.each([[''], ['a'.repeat(256)], ['名前']])('does not take the name %j from the caller', (name) => {
    expect(() => clientConfig({ alpnProtocols: [name] })).toThrow(TlsUsageError);
  });
});
