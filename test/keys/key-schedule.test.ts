import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  earlySecret,
  exportKeyingMaterial,
  finishedVerifyData,
  nextTrafficSecret,
  resumptionPsk,
} from '../../src/keys/key-schedule.ts';
import { fromHex } from '../support/hex.ts';
import { isPublicConstant } from '../support/public-constants.ts';

const transcriptHash = Uint8Array.from({ length: 32 }, (_, index) => index);
const sharedSecret = new Uint8Array(32).fill(7);

describe('the key schedule', () => {
  it('gives the secrets of a connection without PSK', () => {
    const handshake = earlySecret(nodeCrypto, 'sha256').handshakeSecret(sharedSecret);
    const reference = new Reference('sha256', new Uint8Array(32));
    reference.mix(sharedSecret);
    const { client, server } = handshake.trafficSecrets(transcriptHash);
    expect(toHex(client)).toBe(reference.derive('c hs traffic', transcriptHash));
    expect(toHex(server)).toBe(reference.derive('s hs traffic', transcriptHash));
    const main = handshake.mainSecret();
    reference.mix(new Uint8Array(32));
    const application = main.trafficSecrets(transcriptHash);
    expect(toHex(application.client)).toBe(reference.derive('c ap traffic', transcriptHash));
    expect(toHex(application.server)).toBe(reference.derive('s ap traffic', transcriptHash));
    expect(toHex(main.exporterSecret(transcriptHash))).toBe(reference.derive('exp master', transcriptHash));
    expect(toHex(main.resumptionSecret(transcriptHash))).toBe(reference.derive('res master', transcriptHash));
  });

  it('gives the secrets of a connection with PSK, under SHA-384', () => {
    const psk = new Uint8Array(48).fill(5);
    const early = earlySecret(nodeCrypto, 'sha384', psk);
    const reference = new Reference('sha384', psk);
    const finishedKey = reference.expand(
      fromHex(reference.derive('res binder', noHash('sha384'))),
      'finished',
      noBytes,
    );
    const binder = createHmac('sha384', finishedKey).update(transcriptHash).digest('hex');
    expect(toHex(early.binder(transcriptHash))).toBe(binder);
    reference.mix(sharedSecret);
    const { client, server } = early.handshakeSecret(sharedSecret).trafficSecrets(transcriptHash);
    expect(toHex(client)).toBe(reference.derive('c hs traffic', transcriptHash));
    expect(toHex(server)).toBe(reference.derive('s hs traffic', transcriptHash));
    expect(client.length).toBe(48);
  });

  it('computes Finished, the next generation, ticket PSKs and exporters by their labels', () => {
    const secret = new Uint8Array(32).fill(3);
    const reference = new Reference('sha256', secret);
    const expanded = (label: string, context: Uint8Array): Uint8Array =>
      reference.expand(secret, label, context);
    const verifyData = createHmac('sha256', expanded('finished', noBytes))
      .update(transcriptHash)
      .digest('hex');
    expect(toHex(finishedVerifyData(nodeCrypto, 'sha256', secret, transcriptHash))).toBe(verifyData);
    const next = toHex(expanded('traffic upd', noBytes));
    expect(toHex(nextTrafficSecret(nodeCrypto, 'sha256', secret))).toBe(next);
    const nonce = Uint8Array.of(0, 1);
    const psk = toHex(expanded('resumption', nonce));
    expect(toHex(resumptionPsk(nodeCrypto, 'sha256', secret, nonce))).toBe(psk);
  });

  it('refuses an exporter that is longer than HKDF can be', () => {
    const secret = new Uint8Array(32);
    expect(() => exportKeyingMaterial(nodeCrypto, 'sha256', secret, 'l', noBytes, 255 * 32 + 1)).toThrow(
      RangeError,
    );
  });

  it('ends a stage when the next one begins, and for good when it is wiped', () => {
    const ended = 'this stage of the key schedule has ended';
    const early = earlySecret(nodeCrypto, 'sha256');
    const handshake = early.handshakeSecret(sharedSecret);
    expect(() => early.binder(transcriptHash)).toThrow(ended);
    expect(() => early.handshakeSecret(sharedSecret)).toThrow(ended);
    const main = handshake.mainSecret();
    expect(() => handshake.trafficSecrets(transcriptHash)).toThrow(ended);
    expect(() => handshake.mainSecret()).toThrow(ended);
    main.resumptionSecret(transcriptHash);
    main.wipe();
    main.wipe();
    expect(() => main.resumptionSecret(transcriptHash)).toThrow(ended);
    early.wipe();
    handshake.wipe();
  });

  it('keeps what it begins with, also where a provider gives Buffers, whose slices are views', () => {
    const provider: CryptoProvider = {
      ...nodeCrypto,
      hmac: (...args) => Buffer.from(nodeCrypto.hmac(...args)),
    };
    const binder = (): string => toHex(earlySecret(provider, 'sha256').binder(transcriptHash));
    const first = binder();
    earlySecret(provider, 'sha256').handshakeSecret(sharedSecret);
    expect(binder()).toBe(first);
  });

  it('wipes every intermediate secret, and nothing that the caller owns', () => {
    const { provider, seen } = watchedHmac();
    const psk = new Uint8Array(32).fill(5);
    const early = earlySecret(provider, 'sha256', psk);
    const binder = early.binder(transcriptHash);
    const handshake = early.handshakeSecret(sharedSecret);
    const traffic = handshake.trafficSecrets(transcriptHash);
    const main = handshake.mainSecret();
    const exporter = main.exporterSecret(transcriptHash);
    const resumption = main.resumptionSecret(transcriptHash);
    main.wipe();
    exportKeyingMaterial(provider, 'sha256', exporter, 'label', noBytes, 40);
    const owned = [
      psk,
      sharedSecret,
      transcriptHash,
      binder,
      traffic.client,
      traffic.server,
      exporter,
      resumption,
    ];
    const left = [...seen].filter(
      (bytes) => !owned.includes(bytes) && !isPublicConstant(bytes) && bytes.some((byte) => byte !== 0),
    );
    expect(left.map(toHex)).toEqual([]);
    expect(seen.size).toBeGreaterThan(30);
    for (const bytes of owned) expect(bytes.some((byte) => byte !== 0)).toBe(true);
  });
});

/** The key schedule once more, from node:crypto's HMAC alone and with the RFC's formulas spelled out. */
class Reference {
  readonly #hash: 'sha256' | 'sha384';
  #secret: Uint8Array;

  constructor(hash: 'sha256' | 'sha384', psk: Uint8Array) {
    this.#hash = hash;
    this.#secret = this.#hmac(new Uint8Array(psk.length), psk);
  }

  mix(input: Uint8Array): void {
    // HKDF-Extract takes any length: the zeros of the last stage are as long as the hash.
    this.#secret = this.#hmac(fromHex(this.derive('derived', noHash(this.#hash))), input);
  }

  derive(label: string, context: Uint8Array): string {
    return toHex(this.expand(this.#secret, label, context));
  }

  /** HKDF-Expand-Label for one hash length. */
  expand(secret: Uint8Array, label: string, context: Uint8Array): Uint8Array {
    const name = `tls13 ${label}`;
    const info = [0, secret.length, name.length, ...Buffer.from(name), context.length, ...context, 1];
    return this.#hmac(secret, Uint8Array.from(info));
  }

  #hmac(key: Uint8Array, content: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac(this.#hash, key).update(content).digest());
  }
}

function noHash(hash: 'sha256' | 'sha384'): Uint8Array {
  return nodeCrypto.hash(hash).digest();
}

/** A provider that remembers every array that went into its HMAC or came out. */
function watchedHmac(): { provider: CryptoProvider; seen: Set<Uint8Array> } {
  const seen = new Set<Uint8Array>();
  const hmac: CryptoProvider['hmac'] = (hash, key, data) => {
    const output = nodeCrypto.hmac(hash, key, data);
    for (const bytes of [key, data, output]) seen.add(bytes);
    return output;
  };
  return { provider: { ...nodeCrypto, hmac }, seen };
}
