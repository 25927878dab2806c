import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { type CipherSuite, cipherSuiteByCode } from '../../src/keys/cipher-suites.ts';
import { decodeServerHello } from '../../src/wire/hello.ts';
import { fromHex } from '../support/hex.ts';
import { cutRecords, type PlainRecord, readRecords, WriteKeys } from '../support/plain-records.ts';
import data from './data/connections.json' with { type: 'json' };
import { fromBase64, type GroupName, type RecordedStep, type Recording } from './endpoints.ts';

export const recording: Recording = data as Recording;

/** What went over the wire in a recorded connection, whoever made it. */
export interface Traffic {
  readonly name: string;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly keyLog: readonly string[];
  /** What the two sides told their applications that they got. */
  readonly data: { readonly byClient?: string; readonly byServer?: string };
}

export const traffic: readonly Traffic[] = [
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

/** What both sides said. */
export function decrypted(connection: Traffic): {
  readonly client: PlainRecord[];
  readonly server: PlainRecord[];
} {
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

export function suiteOf({ server }: Traffic): CipherSuite {
  const suite = cipherSuiteByCode(decodeServerHello(cutRecords(server)[0]!.subarray(9)).cipherSuite);
  if (!suite) throw new Error('the server chose a cipher suite that is not known');
  return suite;
}

/** All that Tacit wrote in these steps. */
export function outputOf(steps: readonly RecordedStep[]): Uint8Array {
  return concatBytes(...steps.map((step) => fromBase64(step.output ?? '')));
}

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
