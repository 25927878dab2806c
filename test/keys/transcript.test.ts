import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { Transcript } from '../../src/keys/transcript.ts';

const clientHello = Uint8Array.of(1, 0, 0, 3, 1, 2, 3);
const serverHello = Uint8Array.of(2, 0, 0, 2, 9, 9);
const partial = Uint8Array.of(1, 0, 0, 9, 7);

describe('Transcript', () => {
  it.each(['sha256', 'sha384'] as const)('hashes what came before and after the start (%s)', (hash) => {
    const transcript = new Transcript(nodeCrypto);
    transcript.add(clientHello);
    transcript.start(hash);
    expect(toHex(transcript.digest())).toBe(hashOf(hash, clientHello));
    transcript.add(serverHello);
    expect(toHex(transcript.digest())).toBe(hashOf(hash, clientHello, serverHello));
    expect(toHex(transcript.digest())).toBe(hashOf(hash, clientHello, serverHello));
  });

  it.each(['sha256', 'sha384'] as const)('puts a message_hash in the place of ClientHello1 (%s)', (hash) => {
    const transcript = new Transcript(nodeCrypto);
    transcript.add(clientHello);
    transcript.start(hash);
    transcript.replaceByMessageHash();
    transcript.add(serverHello);
    const hashLength = hash === 'sha256' ? 32 : 48;
    const firstHash = new Uint8Array(createHash(hash).update(clientHello).digest());
    const messageHash = concatBytes(Uint8Array.of(254, 0, 0, hashLength), firstHash);
    expect(toHex(transcript.digest())).toBe(hashOf(hash, messageHash, serverHello));
  });

  it('reads the hash with a partial message, before the start with any hash, without adding it', () => {
    const transcript = new Transcript(nodeCrypto);
    expect(toHex(transcript.digestWith('sha384', partial))).toBe(hashOf('sha384', partial));
    transcript.add(clientHello);
    expect(toHex(transcript.digestWith('sha256', partial))).toBe(hashOf('sha256', clientHello, partial));
    expect(toHex(transcript.digestWith('sha384', partial))).toBe(hashOf('sha384', clientHello, partial));
    transcript.start('sha256');
    expect(toHex(transcript.digestWith('sha256', partial))).toBe(hashOf('sha256', clientHello, partial));
    expect(() => transcript.digestWith('sha384', partial)).toThrow(/sha256.*sha384/);
    expect(toHex(transcript.digest())).toBe(hashOf('sha256', clientHello));
  });

  it('keeps its order: a hash once started, and nothing read before', () => {
    const transcript = new Transcript(nodeCrypto);
    expect(() => transcript.digest()).toThrow('not started');
    expect(() => transcript.replaceByMessageHash()).toThrow('not started');
    transcript.start('sha256');
    expect(() => transcript.start('sha256')).toThrow('started before');
  });
});

function hashOf(algorithm: string, ...messages: Uint8Array[]): string {
  return createHash(algorithm)
    .update(concatBytes(...messages))
    .digest('hex');
}
