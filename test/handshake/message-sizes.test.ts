import { describe, expect, it } from 'vitest';
import { maxMessageSizes } from '../../src/base/limits.ts';
import { MessageJoiner } from '../../src/connection/message-joiner.ts';
import { encodeClientHello } from '../../src/wire/hello.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { clientConfig, clientEndpoint, serverConfig } from '../support/engine.ts';
import {
  altering,
  fateOf,
  outcomeOf,
  plaintextMessage,
  plaintextRefusal,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { newHello } from '../support/hello.ts';
import { alertForLength } from '../support/messages.ts';
import { splitRecords } from '../support/raw-peer.ts';

function header(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, length >> 16, length >> 8, length);
}

describe('a message is refused by its header', () => {
  const types = Object.entries(maxMessageSizes).map(([type, size]) => ({ type: Number(type), size }));

  it.each(types)('type $type: $size bytes may come, one more is refused', ({ type, size }) => {
    const joiner = new MessageJoiner();
    joiner.push(header(type, size));
    expect(() => joiner.next([type])).not.toThrow();
    const other = new MessageJoiner();
    other.push(header(type, size + 1));
    expect(() => other.next([type])).toThrow(expect.objectContaining({ alert: alertForLength(type) }));
  });

  it('every type that a handshake expects has a bound', () => {
    const unbounded = ['end_of_early_data', 'message_hash'];
    const expected = Object.entries(handshakeTypes).filter(([name]) => !unbounded.includes(name));
    expect(types.map(({ type }) => type)).toEqual(expected.map(([, code]) => code));
  });

  it.each(['hello_request', 'server_hello', 'finished', 'key_update', 'message_hash'] as const)(
    'a %s in place of a ClientHello is an unexpected_message, before its body is there',
    async (name) => {
      const server = serverOf(await serverConfig());
      const turn = server.receive(plaintextMessage(header(handshakeTypes[name], 1000)));
      expect(plaintextRefusal(server, turn)).toBe('unexpected_message');
    },
  );

  it('an oversized ClientHello by a server, an oversized Certificate by a client', async () => {
    const config = await serverConfig();
    const server = serverOf(config);
    const turn = server.receive(plaintextMessage(header(1, 131_397)));
    expect(plaintextRefusal(server, turn)).toBe('decode_error');
    const through = altering('certificate', () => header(11, 81_921));
    expect(outcomeOf(clientEndpoint(clientConfig()), serverOf(config, through))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it('the longest ClientHello that TLS 1.3 allows is none', async () => {
    const { hello } = newHello();
    const extended = (padding: number): Uint8Array =>
      encodeClientHello({
        ...hello,
        cipherSuites: [
          ...hello.cipherSuites,
          ...new Array<number>(32_767 - hello.cipherSuites.length).fill(0x0a0a),
        ],
        legacySessionId: new Uint8Array(32),
        extensions: { ...hello.extensions, padding: new Uint8Array(padding) },
      });
    const least = extended(0).length;
    // One compression method in place of 255: TLS 1.3 takes no other.
    const longest = extended(4 + 131_396 - 254 - least);
    expect([...longest.subarray(1, 4)]).toEqual([...header(1, 131_142).subarray(1)]);
    const server = serverOf(await serverConfig());
    const { output } = server.receive(plaintextMessage(longest));
    expect(fateOf(server)).toBe('waiting');
    expect(splitRecords(output)[0]?.[5]).toBe(handshakeTypes.server_hello);
  });

  it('a message of three bytes waits for the fourth', async () => {
    const server = serverOf(await serverConfig());
    server.receive(plaintextMessage(header(20, 9).subarray(0, 3)));
    expect(fateOf(server)).toBe('waiting');
  });
});

describe('a message over several records', () => {
  it.each([1, 2, 3, 5, 100])('of %i bytes comes together', async (size) => {
    const hello = encodeClientHello(newHello().hello);
    const server = serverOf(await serverConfig());
    const { output } = server.receive(plaintextMessage(hello, size));
    expect(fateOf(server)).toBe('waiting');
    expect(splitRecords(output)[0]?.[5]).toBe(handshakeTypes.server_hello);
  });

  it('keeps none of the arrays that its parts came in', () => {
    const joiner = new MessageJoiner();
    const parts = [header(1, 3), Uint8Array.of(5), Uint8Array.of(6), Uint8Array.of(7)];
    for (const part of parts) joiner.push(part);
    for (const part of parts) part.fill(0);
    expect(joiner.next([1])?.body).toEqual(Uint8Array.of(5, 6, 7));
  });

  it('gives messages that lie in one record, and over its end, in order', () => {
    const joiner = new MessageJoiner();
    joiner.push(Uint8Array.of(20, 0, 0, 1, 7, 24, 0, 0, 1, 8, 4));
    expect(joiner.next([20])?.body).toEqual(Uint8Array.of(7));
    expect(joiner.next([24])?.bytes).toEqual(Uint8Array.of(24, 0, 0, 1, 8));
    expect(joiner.next([4])).toBeUndefined();
    expect(joiner.isEmpty).toBe(false);
    joiner.push(Uint8Array.of(0, 0, 2, 5));
    expect(joiner.next([4])).toBeUndefined();
    joiner.push(Uint8Array.of(6));
    expect(joiner.next([4])?.body).toEqual(Uint8Array.of(5, 6));
    expect(joiner.isEmpty).toBe(true);
  });
});
