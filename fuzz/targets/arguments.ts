import { utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { UsageError, wantsHelp } from '../../src/cli/arguments.ts';
import type { Command } from '../../src/cli/command.ts';
import { lab } from '../../src/cli/lab.ts';
import { receive } from '../../src/cli/receive.ts';
import { send } from '../../src/cli/send.ts';
import { verify } from '../../src/cli/verify.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import { makeCrl } from '../../test/support/crl.ts';
import { makeOcspResponse } from '../../test/support/ocsp.ts';
import { demand, type Target } from '../engine/target.ts';
import { ed25519, host, intermediate, leaf, root } from '../support/authorities.ts';
import { inSandbox, type Sandboxed } from '../support/sandbox.ts';

const commands: ReadonlyMap<string, Command> = new Map(Object.entries({ lab, receive, send, verify }));

const signature = ed25519;
const crls = [makeCrl(intermediate, { signature }), makeCrl(root, { signature })];
const files: ReadonlyMap<string, Uint8Array> = new Map([
  ['chain.pem', utf8(leaf.pem + intermediate.pem)],
  ['key.pem', utf8(leaf.keyPem)],
  ['ca.pem', utf8(root.pem)],
  ['leaf.der', leaf.der],
  [
    'crls.pem',
    utf8(
      crls
        .map(
          (list) =>
            `-----BEGIN X509 CRL-----\n${Buffer.from(list).toString('base64')}\n-----END X509 CRL-----\n`,
        )
        .join(''),
    ),
  ],
  ['ocsp.der', makeOcspResponse(leaf, intermediate, { signature })],
  ['empty', new Uint8Array(0)],
  ['text', utf8('some text\n')],
  ['directory/', new Uint8Array(0)],
]);

const words = [
  ...commands.keys(),
  ...[...files.keys(), host, '-', '--', '-h', '--help', 'bundled', 'system', 'client', 'server', '192.0.2.7'],
  ...['--ca', '--server-name', '--out', '--host', '--port', '--cert', '--key', '--purpose', '--at', '--crl'],
  ...['--ocsp', '--json', '--rounds', '--bytes', '--file', '--json=', '--no-json', '--port='],
  ...['--tls', '1.2', '1.3'],
  ...[
    'localhost:6514',
    '[::1]:6514',
    ':1',
    '0',
    '1',
    '65535',
    '65536',
    '1e3',
    '1,2',
    '2026-06-01',
    '2026-06-01T00:00:00Z',
  ],
];

const numbers = ['0', '1', '00', '999', '1000', '1001', '65535', '65536', '-1', '1e3', '9'.repeat(20)];

/** Inputs that do all that a command can. */
export const argumentSeeds: readonly Uint8Array[] = [
  `verify chain.pem --host ${host} --ca ca.pem --at 2026-06-01`,
  `verify chain.pem --host ${host} --ca ca.pem --at 2026-06-01 --crl crls.pem --json`,
  `verify leaf.der --host ${host} --ca ca.pem --at 2026-06-01T00:00:00Z --ocsp ocsp.der`,
  'verify chain.pem --purpose client --ca ca.pem',
  'send text localhost:6514 --ca ca.pem --server-name example.org',
  'send - [::1]:6514 --ca bundled --tls 1.2',
  'receive --out directory --cert chain.pem --key key.pem --port 0',
  'receive --out - --host ::1 --tls 1.3',
  'lab --rounds 1 --bytes 1000,2000 --json',
  'lab --file text --tls 1.2',
].map((line) => utf8(line.replaceAll(' ', '\0')));

/**
 * The arguments of the command line, each up to a NUL, which no argument can hold: a mistake is said in one line, and
 * nothing else is thrown before the world is touched.
 */
export const commandLine: Target = {
  maxLength: 600,
  maxTime: 2_000,
  dictionary: words.flatMap((word) => [utf8(word), utf8(`\0${word}`), utf8(`\0${word}\0`)]),
  mutate: mutateArguments,
  async run(input) {
    const [name = '', ...args] = new TextDecoder().decode(input).split('\0');
    const command = commands.get(name);
    if (!command || wantsHelp(args)) return;
    const done = await inSandbox(files, () => command.run(args));
    if ('status' in done.outcome) demandOutput(name, args, done.outcome.status, done.stdout);
    else demandMistake(done, done.outcome.error);
    for (const { what, args: given } of done.effects) {
      const [target] = given as readonly { readonly port?: unknown }[];
      if (what !== 'createConnection') continue;
      const port = Number(target?.port);
      demand(Number.isInteger(port) && port > 0 && port < 65_536, `it connects to port ${port}`);
      const isAsked = args.some((text) => Number(text.slice(text.lastIndexOf(':') + 1)) === port);
      demand(isAsked, `it connects to port ${port}, which nobody named`);
    }
  },
};

function demandMistake({ effects }: Sandboxed, error: unknown): void {
  if (effects.length > 0) return;
  const isMistake = error instanceof UsageError || error instanceof TlsUsageError;
  demand(isMistake, 'it fails, and not with a mistake in the arguments', error);
  demand(
    error.message.length > 0 && !/[\r\n]/.test(error.message),
    'a mistake is not said in one line',
    error,
  );
}

/** Only `verify` comes to an end without the world. */
function demandOutput(name: string, args: readonly string[], status: number, stdout: string): void {
  demand(name === 'verify' && (status === 0 || status === 1), `${name} ends with status ${status}`);
  if (args.includes('--json') && stdout.startsWith('{')) {
    const { trusted } = JSON.parse(stdout) as { readonly trusted: boolean };
    demand(trusted === (status === 0), 'the status says something else than the output');
  }
  if (status === 0) demand(stdout.includes('trusted'), 'it says nothing');
}

function mutateArguments(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const split = (bytes: Uint8Array): string[] => Buffer.from(bytes).toString('latin1').split('\0');
  const args = split(input);
  const strangers = split(other);
  const at = random.below(args.length + 1);
  const word =
    random.below(2) === 0 ? words[random.below(words.length)]! : strangers[random.below(strangers.length)]!;
  const changed = [
    args.toSpliced(at, 1),
    args.toSpliced(at, 0, word),
    args.toSpliced(at, 1, word),
    args.toSpliced(at, 1, `${args[at] ?? ''}=${word}`),
    args.toSpliced(at, 1, (args[at] ?? '').replace(/\d+/, numbers[random.below(numbers.length)]!)),
  ][random.below(5)]!;
  return new Uint8Array(Buffer.from(changed.join('\0'), 'latin1'));
}
