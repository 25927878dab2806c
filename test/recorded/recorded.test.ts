import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { type CipherSuite, cipherSuiteByCode } from '../../src/keys/cipher-suites.ts';
import { decodeServerHello } from '../../src/wire/hello.ts';
import { decodeCertificateRequest } from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { fromHex } from '../support/hex.ts';
import {
  cutRecords,
  type PlainRecord,
  readRecords,
  type UnitType,
  WriteKeys,
} from '../support/plain-records.ts';
import { recode } from '../support/recode.ts';
import {
  engineMaker,
  fromBase64,
  type GroupName,
  perform,
  type RecordedStep,
  type Recording,
} from './endpoints.ts';

const recording = JSON.parse(
  readFileSync(new URL('data/connections.json', import.meta.url), 'utf8'),
) as Recording;

/** What went over the wire in a recorded connection, whoever made it. */
interface Traffic {
  readonly name: string;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly keyLog: readonly string[];
  /** What the two sides told their applications that they got. */
  readonly data: { readonly byClient?: string; readonly byServer?: string };
}

const traffic: readonly Traffic[] = [
  ...recording.groups.flatMap(({ name, connections }) =>
    connections.map((connection) => trafficOf(`${name}: ${connection.name}`, name, connection.steps)),
  ),
  {
    name: 'OpenSSL and OpenSSL',
    client: fromBase64(recording.tapped.client),
    server: fromBase64(recording.tapped.server),
    keyLog: recording.tapped.keyLog,
    data: {
      byClient: 'from the server\nagain from the server\n',
      byServer: 'from the client\nagain from the client\n',
    },
  },
];

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

function trafficOf(name: string, group: GroupName, steps: readonly RecordedStep[]): Traffic {
  const tacit = outputOf(steps);
  const openssl = concatBytes(
    ...steps.flatMap(({ call, bytes = '' }) => (call === 'receive' ? [fromBase64(bytes)] : [])),
  );
  const events = steps.flatMap((step) => step.events ?? []);
  const data = events
    .flatMap((event) => (event.startsWith('data ') ? [event.slice('data '.length)] : []))
    .join('');
  const keyLog = events.flatMap((event) =>
    event.startsWith('keyLog ') ? [event.slice('keyLog '.length)] : [],
  );
  return group.startsWith('client')
    ? { name, client: tacit, server: openssl, keyLog, data: { byClient: data } }
    : { name, client: openssl, server: tacit, keyLog, data: { byServer: data } };
}

function outputOf(steps: readonly RecordedStep[]): Uint8Array {
  return concatBytes(...steps.map((step) => fromBase64(step.output ?? '')));
}

/** What was received in one go, a byte at a time; anything else as it is. */
function pieces({ call, bytes }: RecordedStep): readonly Pick<RecordedStep, 'call' | 'bytes'>[] {
  if (bytes === undefined) return [{ call }];
  if (call !== 'receive') return [{ call, bytes }];
  return Array.from(fromBase64(bytes), (byte) => ({ call, bytes: Buffer.of(byte).toString('base64') }));
}

function decrypted(connection: Traffic): { readonly client: PlainRecord[]; readonly server: PlainRecord[] } {
  const suite = suiteOf(connection);
  const keysOf = (side: 'CLIENT' | 'SERVER'): WriteKeys => {
    const keys = new WriteKeys();
    keys.install(suite, secretOf(connection, `${side}_HANDSHAKE_TRAFFIC_SECRET`));
    keys.install(suite, secretOf(connection, `${side}_TRAFFIC_SECRET_0`));
    return keys;
  };
  return {
    client: readRecords(connection.client, keysOf('CLIENT')),
    server: readRecords(connection.server, keysOf('SERVER')),
  };
}

function secretOf({ keyLog, client }: Traffic, label: string): Uint8Array {
  // Record header, message header, version, random.
  const random = toHex(client.subarray(11, 43));
  const secret = keyLog
    .map((line) => line.split(' '))
    .find((line) => line[0] === label && line[1] === random)?.[2];
  if (!secret) throw new Error(`the key log has no ${label}`);
  return fromHex(secret);
}

function suiteOf({ server }: Traffic): CipherSuite {
  const suite = cipherSuiteByCode(decodeServerHello(cutRecords(server)[0]!.subarray(9)).cipherSuite);
  if (!suite) throw new Error('the server chose a cipher suite that is not known');
  return suite;
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
