import { describe, expect, it, vi } from 'vitest';
import { concatBytes, equalBytes, noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { KeyExchange } from '../../src/crypto/provider.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import { deriveSecret, hkdfExpand, hkdfExpandLabel, hkdfExtract } from '../../src/keys/hkdf.ts';
import {
  type EarlySecret,
  earlySecret,
  finishedVerifyData,
  type HandshakeSecret,
  type MainSecret,
  resumptionPsk,
} from '../../src/keys/key-schedule.ts';
import { RecordOpener, RecordSealer } from '../../src/keys/record-protection.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import { nextPrivateKeys } from '../support/fixed-key-pairs.ts';
import { fromHex } from '../support/hex.ts';
import { sharedData } from '../support/shared-data.ts';

vi.mock('node:crypto', async (importOriginal) =>
  (await import('../support/fixed-key-pairs.ts')).withFixedKeyPairs(await importOriginal()),
);

type Side = 'client' | 'server';
type Phase = 'early application' | 'handshake' | 'application';

interface Step {
  readonly side: Side;
  readonly step: string;
  readonly values: readonly { readonly name: string; readonly hex?: string; readonly text?: string }[];
}

const hash = 'sha256';
const suite = cipherSuites.TLS_AES_128_GCM_SHA256;
const helloRetryRequestRandom = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c');

const data = sharedData('tls13-traces.json') as { traces: Record<string, readonly Step[]> } | undefined;

describe.skipIf(!data)('the published connections, every step', () => {
  // How many steps of each kind have values that are checked; "repeated" are those that say "same as" and have none.
  it.each([
    [
      'simple-1rtt',
      {
        keyPair: 2,
        message: 8,
        record: 9,
        extract: 3,
        derive: 9,
        keys: 4,
        finished: 2,
        resumption: 1,
        repeated: 17,
      },
    ],
    [
      'resumed-0rtt',
      {
        keyPair: 2,
        message: 6,
        record: 10,
        extract: 3,
        derive: 11,
        keys: 5,
        finished: 2,
        binder: 1,
        repeated: 20,
      },
    ],
    [
      'hello-retry-request',
      { keyPair: 3, message: 9, record: 8, extract: 3, derive: 9, keys: 4, finished: 2, repeated: 16 },
    ],
    [
      'client-auth',
      { keyPair: 2, message: 10, record: 6, extract: 3, derive: 9, keys: 4, finished: 2, repeated: 16 },
    ],
    [
      'compatibility-mode',
      { keyPair: 2, message: 7, record: 8, extract: 3, derive: 9, keys: 4, finished: 2, repeated: 16 },
    ],
  ])('%s', (name, expected) => {
    const steps = data?.traces[name] ?? [];
    const replay = new Replay();
    const counts: Record<string, number> = {};
    for (const step of steps) {
      const kind = replay.check(step);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    console.log(`${name}: ${steps.length} steps, ${replay.comparisons} values compared`);
    expect(counts).toEqual(expected);
  });

  it('covers every connection in the file', () => {
    expect(Object.keys(data?.traces ?? {})).toHaveLength(5);
  });
});

/** Both sides of one connection, which have the same secrets. */
class Replay {
  comparisons = 0;
  readonly #transcript = new Transcript(nodeCrypto);
  #started = false;
  #early: EarlySecret | undefined;
  #handshake: HandshakeSecret | undefined;
  #main: MainSecret | undefined;
  readonly #secrets = new Map<string, Uint8Array>();
  readonly #keyPairs = new Map<Side, KeyExchange>();
  readonly #protection = new Map<Side, { sealer: RecordSealer; opener: RecordOpener }>();

  /** @returns what kind of step it was */
  check({ side, step, values }: Step): string {
    const value = (name: string): Uint8Array => fromHex(values.find((one) => one.name === name)?.hex ?? '');
    const keys = /^derive (write|read) traffic keys for (.*) data( \(same as .*\))?$/.exec(step);
    if (keys) {
      const reader = keys[1] === 'read';
      const phase = keys[2] as Phase;
      const writer = reader ? other(side) : side;
      if (!reader) this.#protect(side, phase);
      if (keys[3]) return 'repeated';
      this.#checkKeys(this.#trafficSecret(writer, phase), value);
      return 'keys';
    }
    if (step.includes('(same as ')) {
      expect(values).toHaveLength(0);
      return 'repeated';
    }
    const label = /"(?:tls13 )?(.*)"$/.exec(step)?.[1] ?? '';
    if (step.startsWith('create an ephemeral ')) return this.#keyPair(side, step, value);
    if (step.startsWith('construct a ')) return this.#message(value(step.split(' ')[2] ?? ''));
    if (step.startsWith('send ')) return this.#record(side, step, value);
    if (step.startsWith('extract secret ')) return this.#extract(label, value);
    if (step.startsWith('derive secret ')) return this.#derive(label, value);
    if (step === 'calculate finished "tls13 finished"') {
      this.#equal(this.#trafficSecret(side, 'handshake'), value('PRK'));
      this.#checkFinished(this.#transcript.digest(), value);
      return 'finished';
    }
    if (step === 'calculate PSK binder') return this.#binder(value);
    if (step === 'generate resumption secret "tls13 resumption"') {
      const psk = resumptionPsk(nodeCrypto, hash, this.#secret('res master'), value('hash'));
      this.#equal(psk, value('expanded'));
      return 'resumption';
    }
    throw new Error(`nothing is known about the step "${step}"`);
  }

  #keyPair(side: Side, step: string, value: (name: string) => Uint8Array): string {
    nextPrivateKeys.push(value('private key'));
    const keyPair = nodeCrypto.initiateKeyExchange(step.includes('P-256') ? 'secp256r1' : 'x25519');
    this.#equal(keyPair.publicValue, value('public key'));
    this.#keyPairs.set(side, keyPair);
    return 'keyPair';
  }

  #message(message: Uint8Array): string {
    expect(message.length).toBeGreaterThan(0);
    const type = message[0];
    // A ClientHello is added when it is sent: with its binders. A ticket belongs to no transcript.
    if (type === handshakeTypes.client_hello || type === handshakeTypes.new_session_ticket) return 'message';
    if (type === handshakeTypes.server_hello) {
      if (!this.#started) this.#transcript.start(hash);
      this.#started = true;
      if (equalBytes(message.subarray(6, 38), helloRetryRequestRandom))
        this.#transcript.replaceByMessageHash();
    }
    this.#transcript.add(message);
    return 'message';
  }

  #record(side: Side, step: string, value: (name: string) => Uint8Array): string {
    const payload = value('payload');
    const record = value('complete record');
    const header = record.subarray(0, 5);
    const type = contentTypes[step.split(' ')[1] as keyof typeof contentTypes];
    if (payload[0] === handshakeTypes.client_hello && type === contentTypes.handshake)
      this.#transcript.add(payload);
    const protection = this.#protection.get(side);
    if (!protection || type === contentTypes.change_cipher_spec) {
      expect(header[0]).toBe(type);
      this.#equal(record.subarray(5), payload);
      return 'record';
    }
    const sealed = protection.sealer.seal(type, [{ content: [payload], padding: 0 }]);
    this.#equal(concatBytes(...sealed), record);
    const opened = protection.opener.open(header, record.subarray(5));
    expect(opened?.type).toBe(type);
    expect(opened?.innerLength).toBe(payload.length + 1);
    this.#equal(opened?.content ?? noBytes, payload);
    return 'record';
  }

  #extract(label: string, value: (name: string) => Uint8Array): string {
    const input = value('IKM');
    const salt = label === 'early' ? new Uint8Array(32) : value('salt');
    this.#equal(hkdfExtract(nodeCrypto, hash, salt, input), value('secret'));
    if (label === 'early') {
      const psk = input.some((byte) => byte !== 0) ? input : undefined;
      this.#early = earlySecret(nodeCrypto, hash, psk);
    } else if (label === 'handshake') {
      const client = this.#keyPairs.get('client');
      const server = this.#keyPairs.get('server');
      this.#equal(client?.finish(server?.publicValue ?? noBytes) ?? noBytes, input);
      this.#equal(server?.finish(client?.publicValue ?? noBytes) ?? noBytes, input);
      this.#handshake = this.#early?.handshakeSecret(input);
    } else {
      expect(label).toBe('master');
      this.#main = this.#handshake?.mainSecret();
    }
    return 'extract';
  }

  #derive(label: string, value: (name: string) => Uint8Array): string {
    const expanded = value('expanded');
    this.#equal(hkdfExpand(nodeCrypto, hash, value('PRK'), value('info'), 32), expanded);
    this.#equal(deriveSecret(nodeCrypto, hash, value('PRK'), label, value('hash')), expanded);
    if (label === 'derived') return 'derive';
    // Ahead of the ServerHello the transcript has no hash function yet.
    const transcriptHash = this.#started
      ? this.#transcript.digest()
      : this.#transcript.digestWith(hash, noBytes);
    this.#equal(transcriptHash, value('hash'));
    const secret = this.#fromSchedule(label, transcriptHash) ?? expanded;
    this.#equal(secret, expanded);
    this.#secrets.set(label, secret);
    return 'derive';
  }

  /** Undefined for the secrets of 0-RTT, which the key schedule does not give. */
  #fromSchedule(label: string, transcriptHash: Uint8Array): Uint8Array | undefined {
    switch (label) {
      case 'c hs traffic':
        return this.#handshake?.trafficSecrets(transcriptHash).client;
      case 's hs traffic':
        return this.#handshake?.trafficSecrets(transcriptHash).server;
      case 'c ap traffic':
        return this.#main?.trafficSecrets(transcriptHash).client;
      case 's ap traffic':
        return this.#main?.trafficSecrets(transcriptHash).server;
      case 'exp master':
        return this.#main?.exporterSecret(transcriptHash);
      case 'res master':
        return this.#main?.resumptionSecret(transcriptHash);
      default:
        expect(['c e traffic', 'e exp master']).toContain(label);
        return undefined;
    }
  }

  #binder(value: (name: string) => Uint8Array): string {
    const binderHash = this.#transcript.digestWith(hash, value('ClientHello prefix'));
    this.#equal(binderHash, value('binder hash'));
    this.#equal(this.#early?.binder(binderHash) ?? noBytes, value('finished'));
    this.#checkFinished(binderHash, value);
    return 'binder';
  }

  #checkFinished(transcriptHash: Uint8Array, value: (name: string) => Uint8Array): void {
    this.#equal(hkdfExpand(nodeCrypto, hash, value('PRK'), value('info'), 32), value('expanded'));
    this.#equal(finishedVerifyData(nodeCrypto, hash, value('PRK'), transcriptHash), value('finished'));
  }

  #checkKeys(secret: Uint8Array, value: (name: string) => Uint8Array): void {
    this.#equal(secret, value('PRK'));
    const key = hkdfExpandLabel(nodeCrypto, hash, secret, 'key', noBytes, suite.keyLength);
    this.#equal(key, value('key expanded'));
    this.#equal(hkdfExpand(nodeCrypto, hash, secret, value('key info'), suite.keyLength), key);
    const iv = hkdfExpandLabel(nodeCrypto, hash, secret, 'iv', noBytes, 12);
    this.#equal(iv, value('iv expanded'));
    this.#equal(hkdfExpand(nodeCrypto, hash, secret, value('iv info'), 12), iv);
  }

  #protect(side: Side, phase: Phase): void {
    const secret = this.#trafficSecret(side, phase);
    const sealer = new RecordSealer(nodeCrypto, suite, secret);
    this.#protection.set(side, { sealer, opener: new RecordOpener(nodeCrypto, suite, secret) });
  }

  #trafficSecret(side: Side, phase: Phase): Uint8Array {
    const name = { 'early application': 'e', handshake: 'hs', application: 'ap' }[phase];
    return this.#secret(`${side.slice(0, 1)} ${name} traffic`);
  }

  #secret(label: string): Uint8Array {
    const secret = this.#secrets.get(label);
    if (!secret) throw new Error(`there is no secret "${label}" yet`);
    return secret;
  }

  #equal(actual: Uint8Array, expected: Uint8Array): void {
    expect(expected.length).toBeGreaterThan(0);
    expect(toHex(actual)).toBe(toHex(expected));
    this.comparisons++;
  }
}

function other(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}
