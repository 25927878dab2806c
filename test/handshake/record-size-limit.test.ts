import { beforeAll, describe, expect, it } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/messages.ts';
import { contentTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  pump,
  serverConfig,
  serverEndpoint,
  summary,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  type Edit,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { clientWithHello } from '../support/hello.ts';
import { RawPeer, rawPeerOf, type Stage, splitRecords } from '../support/raw-peer.ts';

let identity: Identity;

beforeAll(async () => {
  identity = await clientIdentity();
});

/** The sizes of the inner plaintexts that an endpoint sent in a stage, first ones first, out of its protected records. */
function innerLengths(endpoint: Endpoint, stage: Stage, records: readonly Uint8Array[]): number[] {
  const raw = new RawPeer(endpoint, { read: stage, write: stage });
  return records.flatMap((record) => raw.open(record)).map(({ innerLength }) => innerLength);
}

function protectedRecords(writes: readonly Uint8Array[]): Uint8Array[] {
  return writes.flatMap(splitRecords).filter(([type]) => type === contentTypes.application_data);
}

function changingLimit(limit: number | undefined): Edit {
  return (message) => {
    const { order, ...extensions } = decodeEncryptedExtensions(message.subarray(4));
    return encodeEncryptedExtensions({ ...extensions, record_size_limit: limit });
  };
}

describe('record_size_limit', () => {
  it('of the client covers the server’s handshake, tickets, data and padding', async () => {
    const client = clientEndpoint(clientConfig({ recordSizeLimit: 64 }));
    const server = serverEndpoint(await serverConfig({ padding: () => 1000 }));
    const pair = { client, server };
    pump(pair);
    const handshake = protectedRecords(server.writes);
    server.send('x'.repeat(1000));
    const later = protectedRecords(server.writes).slice(handshake.length);
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
    expect(summary(client.events).filter((event) => event === 'session').length).toBe(2);
    const lengths = [
      ...innerLengths(server, 'handshake', handshake),
      ...innerLengths(server, 'application', later),
    ];
    expect(lengths.length).toBeGreaterThan(20);
    expect(new Set(lengths)).toEqual(new Set([64]));
  });

  it('of the server covers the client’s handshake and data', async () => {
    const client = clientEndpoint(clientConfig({ identity }));
    const server = serverEndpoint(
      await serverConfig({ recordSizeLimit: 100, clientAuthentication: 'require' }),
    );
    const pair = { client, server };
    pump(pair);
    const handshake = protectedRecords(client.writes);
    client.send('x'.repeat(1000));
    const later = protectedRecords(client.writes).slice(handshake.length);
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
    const lengths = [
      ...innerLengths(client, 'handshake', handshake),
      ...innerLengths(client, 'application', later),
    ];
    expect(Math.max(...lengths)).toBe(100);
    expect(lengths.length).toBeGreaterThan(14);
  });

  it('of one side does not bind the other', async () => {
    const client = clientEndpoint(clientConfig({ recordSizeLimit: 64 }));
    const server = serverEndpoint(await serverConfig());
    pump({ client, server });
    const { output } = client.send('x'.repeat(5000));
    expect(innerLengths(client, 'application', [output])).toEqual([5001]);
  });

  it('that is not kept is a record_overflow, to the byte', async () => {
    for (const role of ['client', 'server'] as const) {
      const { target, raw } = await rawPeerOf(role, { [role]: { recordSizeLimit: 200 } });
      raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(199)));
      raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(9), 190));
      expect(target.engine.failure).toBeUndefined();
      raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(9), 191));
      expect(target.engine.failure).toMatchObject({ alert: 'record_overflow' });
    }
  });

  it('that is not kept in the handshake is a record_overflow as well', async () => {
    const client = clientEndpoint(clientConfig({ recordSizeLimit: 64 }));
    // This server forgets what the client asked for.
    const server = serverEndpoint(await serverConfig(), (flight) => ({
      ...flight,
      limitSentRecords: () => undefined,
    }));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('record_overflow'));
  });

  it('that the server does not answer does not hold', async () => {
    const client = clientEndpoint(clientConfig({ recordSizeLimit: 64 }));
    const server = alteringServer(await serverConfig(), 'encrypted_extensions', changingLimit(undefined));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    const raw = new RawPeer(client);
    raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(5000)));
    expect(client.engine.failure).toBeUndefined();
  });

  it.each([0, 1, 63])('of %i is an illegal_parameter, on both sides', async (limit) => {
    const offering = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, record_size_limit: limit },
    }));
    expect(outcomeOf(offering, serverOf(await serverConfig()))).toEqual(refusedByServer('illegal_parameter'));
    const answering = serverOf(await serverConfig(), altering('encrypted_extensions', changingLimit(limit)));
    expect(outcomeOf(clientEndpoint(clientConfig()), answering)).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it.each([16_386, 65_535])('of %i, over what TLS 1.3 allows, is taken for no limit', async (limit) => {
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, record_size_limit: limit },
    }));
    const server = serverOf(await serverConfig());
    expect(outcomeOf(client, server)).toEqual(bothDone);
    const { output } = server.send('x'.repeat(20_000));
    expect(Math.max(...innerLengths(server, 'application', splitRecords(output)))).toBe(16_385);
  });

  it('is not answered where it was not asked for', async () => {
    let answered: number | undefined = 0;
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, record_size_limit: undefined },
    }));
    const through = altering('encrypted_extensions', (message) => {
      answered = decodeEncryptedExtensions(message.subarray(4)).record_size_limit;
      return message;
    });
    expect(outcomeOf(client, serverOf(await serverConfig({ recordSizeLimit: 100 }), through))).toEqual(
      bothDone,
    );
    expect(answered).toBeUndefined();
    // Nor does ours bind the client then.
    expect(innerLengths(client, 'application', [client.send('x'.repeat(5000)).output])).toEqual([5001]);
  });

  it.each([63, 16_386, 100.5])('of %s is the caller’s mistake', async (recordSizeLimit) => {
    expect(() => clientConfig({ recordSizeLimit })).toThrow(TlsUsageError);
    await expect(serverConfig({ recordSizeLimit })).rejects.toThrow(TlsUsageError);
  });
});

describe('max_fragment_length', () => {
  it.each([
    ['alone', undefined],
    ['beside record_size_limit', 16_385],
  ])('%s is ignored: neither answered nor kept', async (_, record_size_limit) => {
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, max_fragment_length: 1, record_size_limit },
    }));
    let answered: number | undefined = 0;
    const through = altering('encrypted_extensions', (message) => {
      answered = decodeEncryptedExtensions(message.subarray(4)).max_fragment_length;
      return message;
    });
    const server = serverOf(await serverConfig(), through);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(answered).toBeUndefined();
    client.receive(server.send('x'.repeat(5000)).output);
    expect(summary(client.events).at(-1)).toBe(`data "${'x'.repeat(5000)}"`);
  });
});
