import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../support/hex.ts';
import { handshake, type Rehearsal, sides } from './support/rehearsal.ts';
import {
  messagesOfInterest,
  rehearsals,
  type ScenarioName,
  scenarioNames,
  versionOf,
} from './support/scenarios.ts';
import { type LengthField, nameOfMessage, structureOf, withExtension } from './support/structure.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

/** The messages of RFC 9846 §4.3 by the letters of its table. */
const letters: Readonly<Record<string, string>> = {
  ClientHello: 'CH',
  ServerHello: 'SH',
  HelloRetryRequest: 'HRR',
  EncryptedExtensions: 'EE',
  Certificate: 'CT',
  CertificateRequest: 'CR',
  NewSessionTicket: 'NST',
};

/** SH12 is the ServerHello of TLS 1.2, which answers all that is answered in the clear. */
function letterOf(name: ScenarioName, message: Uint8Array): string {
  const isOfTls12 = message[0] === 2 && versionOf(name) === 'TLSv1.2';
  return isOfTls12 ? 'SH12' : (letters[nameOfMessage(message)] ?? '');
}

/** A request may hold what its reader does not know, a response only what was asked for. */
const requests = ['CH', 'CR', 'NST'];

interface Extension {
  readonly code: number;
  /** Where it may appear, as that table says; empty for extensions that Tacit does not recognize. */
  readonly contexts: string;
  /** Well-formed content for each of these. */
  readonly data: Readonly<Record<string, string>>;
}

const extensions: readonly Extension[] = [
  { code: 0, contexts: 'CH EE CR SH12', data: { CH: '000a00000761206e616d6531', EE: '', CR: '', SH12: '' } },
  { code: 1, contexts: 'CH EE SH12', data: { CH: '01', EE: '01', SH12: '01' } },
  { code: 5, contexts: 'CH CR CT SH12', data: { CH: '0100000000', CR: '', CT: '01000001aa', SH12: '' } },
  { code: 10, contexts: 'CH EE SH12', data: { CH: '0002001d', EE: '0002001d', SH12: '0002001d' } },
  { code: 13, contexts: 'CH CR', data: { CH: '00020403', CR: '00020403' } },
  { code: 16, contexts: 'CH EE SH12', data: { CH: '0003026832', EE: '0003026832', SH12: '0003026832' } },
  { code: 20, contexts: 'CH EE SH12', data: { CH: '020002', EE: '02', SH12: '02' } },
  { code: 21, contexts: 'CH', data: { CH: '0000' } },
  { code: 28, contexts: 'CH EE SH12', data: { CH: '4001', EE: '4001', SH12: '4000' } },
  // Of TLS 1.2 alone: ec_point_formats, extended_master_secret, session_ticket, renegotiation_info.
  { code: 11, contexts: 'CH SH12', data: { CH: '0100', SH12: '0100' } },
  { code: 23, contexts: 'CH SH12', data: { CH: '', SH12: '' } },
  { code: 35, contexts: 'CH SH12', data: { CH: '', SH12: '' } },
  { code: 0xff01, contexts: 'CH SH12', data: { CH: '00', SH12: '00' } },
  {
    code: 41,
    contexts: 'CH SH',
    data: { CH: `0007 0001 aa 00000000 0021 20 ${'00'.repeat(32)}`, SH: '0000' },
  },
  { code: 42, contexts: 'CH EE NST', data: { CH: '', EE: '', NST: '00000400' } },
  { code: 43, contexts: 'CH SH HRR', data: { CH: '020304', SH: '0304', SH12: '0304', HRR: '0304' } },
  { code: 44, contexts: 'CH HRR', data: { CH: '0001aa', HRR: '0001aa' } },
  { code: 45, contexts: 'CH', data: { CH: '0101' } },
  { code: 47, contexts: 'CH CR', data: { CH: '000400023000', CR: '000400023000' } },
  { code: 49, contexts: 'CH', data: { CH: '' } },
  { code: 50, contexts: 'CH CR', data: { CH: '00020403', CR: '00020403' } },
  { code: 51, contexts: 'CH SH HRR', data: { CH: '0000', SH: '001d0001aa', HRR: '0017' } },
  { code: 58, contexts: 'CH EE', data: { CH: '0101', EE: '01' } },
  // signed_certificate_timestamp, a GREASE value, the last one: not recognized.
  ...[18, 0x0a0a, 0xffff].map((code) => ({ code, contexts: '', data: {} })),
];

describe.each(scenarioNames)('%s: each extension twice', (name) => {
  it.each(sides)('in the messages of the %s: illegal_parameter', (side) => {
    const found: string[] = [];
    for (const { message, index } of messagesOfInterest(name, all[name][side], side)) {
      for (const { code, start, end, block } of structureOf(message, versionOf(name)).extensions) {
        // pre_shared_key has to be the last one, its copy too.
        const where = code === 41 ? 'last' : 'first';
        const twice = withExtension(message, block, code, message.slice(start + 4, end), where);
        const verdict = verdictOf(all[name].tamper(side, index, [handshake(twice)]));
        found.push(`${nameOfMessage(message)} ${code}: ${verdict}`);
      }
    }
    expect(found).toEqual(found.map((line) => line.replace(/: .*/, ': illegal_parameter')));
    const hasNone =
      name === 'tls12ClientAuthentication' || (name === 'clientAuthentication' && side === 'client');
    if (!hasNone) expect(found.length).toBeGreaterThan(1);
  });

  it.each(sides)('that nobody knows, in the messages of the %s: illegal_parameter', (side) => {
    for (const { message, index } of messagesOfInterest(name, all[name][side], side)) {
      for (const block of structureOf(message, versionOf(name)).blocks) {
        const once = withExtension(message, block, 0xfafa, new Uint8Array(3), 'first');
        const twice = withExtension(once, grown(block, 7), 0xfafa, new Uint8Array(0), 'first');
        // In a response the first one is noticed only when the block is read.
        expect(verdictOf(all[name].tamper(side, index, [handshake(twice)])), nameOfMessage(message)).toBe(
          'illegal_parameter',
        );
      }
    }
  });
});

describe.each(scenarioNames)('%s: each extension that is not there', (name) => {
  it.each(sides)('in the messages of the %s', (side) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const { message, index } of messagesOfInterest(name, all[name][side], side)) {
      const structure = structureOf(message, versionOf(name));
      for (const block of structure.blocks) {
        for (const extension of extensions) {
          if (structure.extensions.some(({ code, block: of }) => code === extension.code && of === block))
            continue;
          const letter = letterOf(name, message);
          const data = fromHex(extension.data[letter] ?? '');
          const more = withExtension(message, block, extension.code, data, 'first');
          const label = `${nameOfMessage(message)} ${extension.code}: `;
          found.push(label + verdictOf(all[name].tamper(side, index, [handshake(more)])));
          expected.push(label + verdictFor(name, letter, extension));
        }
      }
    }
    expect(found).toEqual(expected);
  });
});

/** What comes of a message with one extension more, which its sender has not hashed. */
function verdictFor(name: ScenarioName, letter: string, { code, contexts }: Extension): Verdict {
  const isRecognized = contexts !== '';
  const isInPlace = contexts.split(' ').includes(letter);
  if (isRecognized && !isInPlace) return 'illegal_parameter';
  if (letter === 'CH' && versionOf(name) === 'TLSv1.2') return verdictForTls12ClientHello(name, code);
  if (letter === 'CH') return verdictForClientHello(name, code);
  // Offered, and not answered where a session is resumed.
  if (name === 'tls12Resumed' && [0, 10, 11].includes(code)) return 'decrypt_error';
  if (requests.includes(letter) || offered(letter, code)) return whereAccepted[letter] ?? 'end';
  return 'unsupported_extension';
}

function verdictForClientHello(name: ScenarioName, code: number): Verdict {
  // Not the last one, here.
  if (code === 41) return 'illegal_parameter';
  // A second ClientHello equals the first, but for padding.
  if (name === 'retry' && code !== 21) return 'illegal_parameter';
  // The binder covers it.
  if (name === 'resumed') return 'decrypt_error';
  // Accepted: the two sides have other keys then, and 0-RTT data is what a server takes for something it cannot decrypt.
  return code === 42 ? 'in the handshake' : 'bad_record_mac';
}

function verdictForTls12ClientHello(name: ScenarioName, code: number): Verdict {
  if (code === 41) return 'illegal_parameter';
  // It alone says which versions there are: the server of one scenario speaks the other one too, and needs more for it.
  if (code === 43) return name === 'tls12Resumed' ? 'missing_extension' : 'protocol_version';
  // A resumed master secret is the same whatever the hellos say; another one comes of the whole handshake (RFC 7627).
  return name === 'tls12Resumed' ? 'decrypt_error' : 'bad_record_mac';
}

/** The client of these scenarios offers both, which the servers do not always answer; a cookie needs no offer. */
function offered(letter: string, code: number): boolean {
  if (letter === 'SH12') return code === 10;
  return letter === 'EE' ? code === 0 || code === 10 : letter === 'HRR' && code === 44;
}

/** Where the altered message is accepted: how the transcripts, which differ then, come to light. */
const whereAccepted: Readonly<Record<string, Verdict>> = {
  HRR: 'bad_record_mac',
  SH12: 'bad_record_mac',
  EE: 'decrypt_error',
  CR: 'decrypt_error',
};

/** The same length field when its vector is `extra` bytes longer. */
function grown(field: LengthField, extra: number): LengthField {
  return { ...field, end: field.end + extra };
}
