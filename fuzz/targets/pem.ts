import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import {
  certificatesFrom,
  certificatesFromPem,
  certificatesWithin,
  keyFromPem,
  pemBlocks,
  revocationListsFrom,
} from '../../src/net/pem.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import { toPem } from '../../test/support/certificates.ts';
import { demand, type Target } from '../engine/target.ts';

/** PEM: what is read of it is the same when it is written again, and what cannot be read is said without showing it. */
export const pem: Target = {
  maxLength: 8_000,
  maxTime: 200,
  dictionary: [
    ...[
      'CERTIFICATE',
      'X509 CRL',
      'PRIVATE KEY',
      'ENCRYPTED PRIVATE KEY',
      'EC PRIVATE KEY',
      'EC PARAMETERS',
    ].flatMap((label) => [`-----BEGIN ${label}-----\n`, `-----END ${label}-----\n`]),
    ...[
      '-----BEGIN ',
      '-----END ',
      '-----',
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      '=',
      '==',
      'Proc-Type: 4,ENCRYPTED\n',
    ],
  ].map(utf8),
  mutate: mutateLines,
  run(input) {
    const text = Buffer.from(input).toString('latin1');
    const blocks = read(text, () => pemBlocks(text, 'pem')) ?? [];
    demandAgain(text, blocks.length, 'CERTIFICATE', () => certificatesFromPem(text, 'ca'));
    demandAgain(text, blocks.length, 'X509 CRL', () => revocationListsFrom(text, 'crls'));
    // Bytes may be DER, which is taken as it is.
    const fromBytes = read(text, () => certificatesFrom(input, 'ca'));
    const isDer = input[0] === 0x30 && (input[1] ?? 0) >= 0x80;
    if (isDer) demand(equalBytes(fromBytes?.[0] ?? utf8(''), input), 'DER is taken as something else');
    certificatesWithin(text);
    const key = read(text, () => keyFromPem(text, 'key'));
    if (key) {
      const again = keyFromPem(key.pem, 'key');
      demand(
        again.pem === key.pem && again.encrypted === key.encrypted,
        'a key is another one when read again',
      );
    }
    read(text, () => loadIdentity({ cert: text, key: text }));
    read(text, () => loadIdentity({ key: text, certificateType: 'RawPublicKey' }));
  },
};

/** @returns undefined where it cannot be read, which is said as a mistake of the caller's, without what is in the text */
function read<Value>(text: string, parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch (error) {
    demand(error instanceof TlsUsageError, 'it throws something else than a TlsUsageError', error);
    // Labels are shown, and any text may stand between the dashes of a boundary.
    for (const [line] of text.matchAll(/^[A-Za-z0-9+/=]{24,}\s*$/gm))
      demand(!error.message.includes(line.trim()), 'the error shows what is in the text', error);
    return undefined;
  }
}

function demandAgain(text: string, count: number, label: string, parse: () => readonly Uint8Array[]): void {
  const values = read(text, parse);
  if (!values) return;
  demand(values.length === count && count > 0, `${values.length} of ${count} blocks are given`);
  const written = values.map((value) => toPem(label, value)).join('');
  const again =
    label === 'CERTIFICATE' ? certificatesFromPem(written, 'ca') : revocationListsFrom(written, 'crls');
  demand(
    again.every((value, i) => equalBytes(value, values[i]!)),
    'other bytes when written again',
  );
  // Base64 has one form: white space aside, the text holds exactly these.
  const bare = text.replace(/\s+/g, '');
  for (const value of values)
    demand(bare.includes(Buffer.from(value).toString('base64')), 'bytes that are not in the text');
}

/** Leaves a line out, or puts one of the other's in. */
function mutateLines(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const linesOf = (bytes: Uint8Array): string[] => Buffer.from(bytes).toString('latin1').split('\n');
  const lines = linesOf(input);
  const strangers = linesOf(other);
  const at = random.below(lines.length);
  const stranger = strangers[random.below(strangers.length)]!;
  const change = [
    (): string[] => lines.toSpliced(at, 1),
    (): string[] => lines.toSpliced(at, 0, stranger),
    (): string[] => lines.toSpliced(at, 0, lines[at]!),
    (): string[] =>
      lines.toSpliced(at, 1, `${' '.repeat(random.below(4))}${lines[at]}${'\r '[random.below(3)] ?? ''}`),
    (): string[] => lines.toSpliced(at, 1, withLastCharacter(lines[at]!, random)),
  ][random.below(5)]!;
  return new Uint8Array(Buffer.from(change().join('\n'), 'latin1'));
}

/** Another character at the end, ahead of what fills the last group of Base64. */
function withLastCharacter(line: string, random: Random): string {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=';
  return line.replace(/.(?==*$)/, characters[random.below(characters.length)]!);
}
