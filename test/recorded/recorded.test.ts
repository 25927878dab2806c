import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { decodeServerHello } from '../../src/wire/hello.ts';
import { decodeCertificateRequest } from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import type { PlainRecord, UnitType } from '../support/plain-records.ts';
import { recode } from '../support/recode.ts';
import { engineMaker, fromBase64, perform, type RecordedStep } from './endpoints.ts';
import { decrypted, outputOf, recording, suiteOf, traffic } from './traffic.ts';

describe('recorded connections, decrypted with their key logs', () => {
  it.each(traffic)(
    '$name: every record opens, every message encodes back to the same bytes',
    (connection) => {
      const { client, server } = decrypted(connection);
      const { data } = connection;
      for (const message of [...contentsOf(client, 'handshake'), ...contentsOf(server, 'handshake')])
        expect(toHex(recode(message))).toBe(toHex(message));
      for (const [side, records] of Object.entries({ client, server }))
        expect(
          contentsOf(records, 'alert').map((alert) => [...alert]),
          side,
        ).toEqual([[1, 0]]);
      if (data.byServer !== undefined) expect(dataOf(client)).toBe(data.byServer);
      if (data.byClient !== undefined) expect(dataOf(server)).toBe(data.byClient);
    },
  );

  it('they have every kind of message, HelloRetryRequests with and without a cookie, every cipher suite', () => {
    const found = new Set<string>();
    for (const connection of traffic) {
      const { client, server } = decrypted(connection);
      for (const message of contentsOf(client, 'handshake')) found.add(`client ${message[0]}`);
      for (const message of contentsOf(server, 'handshake')) found.add(describeMessage(message));
      found.add(suiteOf(connection).name);
    }
    const expected = [
      ...['client 1', 'client 11', 'client 15', 'client 20', 'client 24'],
      ...['server 4', 'server 8', 'server 11', 'server 15', 'server 20', 'server 24'],
      // supported_versions and key_share; pre_shared_key; cookie.
      ...['ServerHello 43 51', 'ServerHello 43 51 41', 'HelloRetryRequest 43 51', 'HelloRetryRequest 43 44'],
      // signature_algorithms, certificate_authorities, signature_algorithms_cert.
      ...['CertificateRequest 13', 'CertificateRequest 13 47', 'CertificateRequest 13 50'],
      ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ];
    expect([...found].sort()).toEqual(expected.sort());
  });
});

describe.each(recording.groups)(
  'Tacit again, with OpenSSL as it was recorded: $name',
  ({ name, connections }) => {
    it('does and says the same, byte for byte', () => {
      const makeEngine = engineMaker(name, recording.certificates);
      for (const { name: kind, steps } of connections) {
        const engine = makeEngine();
        for (const step of steps) {
          const { call, bytes } = step;
          expect(
            perform(engine, bytes === undefined ? { call } : { call, bytes }),
            `${kind}: ${call}`,
          ).toEqual(step);
        }
        const events = steps.flatMap((step) => step.events ?? []);
        expect(events.filter((event) => /^(handshakeDone|end|failed)/.test(event)).map(firstWord)).toEqual([
          'handshakeDone',
          'end',
        ]);
        expect(events.filter((event) => event.startsWith('data'))).not.toHaveLength(0);
        expect(events.some((event) => event.includes('"resumed":true'))).toBe(kind === 'resumed');
      }
    });

    it('does and says the same when it gets a byte at a time', () => {
      const makeEngine = engineMaker(name, recording.certificates);
      for (const { name: kind, steps } of connections) {
        const engine = makeEngine();
        for (const step of steps) {
          const parts = pieces(step).map((piece) => perform(engine, piece));
          expect(toHex(outputOf(parts)), `${kind}: ${step.call}`).toBe(toHex(outputOf([step])));
          expect(parts.flatMap((part) => part.events ?? [])).toEqual(step.events ?? []);
        }
      }
    });
  },
);

/** What was received in one go, a byte at a time; anything else as it is. */
function pieces({ call, bytes }: RecordedStep): readonly Pick<RecordedStep, 'call' | 'bytes'>[] {
  if (bytes === undefined) return [{ call }];
  if (call !== 'receive') return [{ call, bytes }];
  return Array.from(fromBase64(bytes), (byte) => ({ call, bytes: Buffer.of(byte).toString('base64') }));
}

function contentsOf(records: readonly PlainRecord[], type: UnitType): Uint8Array[] {
  return records.flatMap(({ units }) =>
    units.filter((unit) => unit.type === type).map((unit) => unit.content),
  );
}

/** A server's message by its type, and by its extensions where they make a difference. */
function describeMessage(message: Uint8Array): string {
  const body = message.subarray(4);
  if (message[0] === handshakeTypes.server_hello) {
    const { kind, extensions } = decodeServerHello(body);
    return [kind, ...(extensions.order ?? [])].join(' ');
  }
  if (message[0] === handshakeTypes.certificate_request) {
    return ['CertificateRequest', ...(decodeCertificateRequest(body).extensions.order ?? [])].join(' ');
  }
  return `server ${message[0]}`;
}

function dataOf(records: readonly PlainRecord[]): string {
  return Buffer.concat(contentsOf(records, 'application_data')).toString('latin1');
}

function firstWord(text: string): string {
  return text.split(' ')[0] ?? '';
}
