import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tacit } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('help', () => {
  test('names every command', async () => {
    const { status, stdout, stderr } = await tacit(['--help']);
    expect(status).toBe(0);
    expect(stderr).toBe('');
    for (const command of ['lab', 'receive', 'send', 'verify']) {
      expect(stdout.toString()).toMatch(new RegExp(`^ {2}${command} +\\w`, 'm'));
    }
  });

  test.each(['lab', 'receive', 'send', 'verify'])('of %s shows its usage', async (command) => {
    const { status, stdout, stderr } = await tacit([command, '--help']);
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.toString()).toContain(`Usage: tacit ${command}`);
  });

  test('--version prints the version of the package', async () => {
    const { status, stdout } = await tacit(['--version']);
    expect(status).toBe(0);
    expect(stdout.toString()).toBe(`${version}\n`);
  });
});

describe('a usage error is one line and exit status 2', () => {
  const cases: readonly (readonly [args: readonly string[], says: string])[] = [
    [[], 'name a command: lab, receive, send, verify'],
    [['tell'], "'tell' is not a command"],
    [['send'], 'FILE is missing'],
    [['send', 'x'], 'HOST:PORT is missing'],
    [['send', '/nowhere/x', 'localhost:6514'], "there is no file '/nowhere/x'"],
    [['send', '/', 'localhost:6514'], 'is a directory'],
    [['send', '-', 'localhost'], "'localhost' is not HOST:PORT"],
    [['send', '-', '::1:6514'], "'::1:6514' is not HOST:PORT"],
    [['send', '-', 'localhost:0'], 'is not HOST:PORT'],
    [['send', '-', 'localhost:70000'], 'is not HOST:PORT'],
    [['send', '-', 'localhost:6514', 'more'], 'one argument too many'],
    [['send', '-', 'localhost:6514', '--ca', '/nowhere/ca.pem'], "there is no file '/nowhere/ca.pem'"],
    [['send', '-', 'localhost:6514', '--tls', '1.1'], "--tls takes 1.2 or 1.3, not '1.1'"],
    [['send', '-', 'localhost:6514', '--tls', ''], "--tls takes 1.2 or 1.3, not ''"],
    [['send', '--fast', '-', 'localhost:6514'], "Unknown option '--fast'"],
    [['receive'], '--out is missing'],
    [['receive', '--out', '-', '--port', 'x'], "--port takes a number from 0 to 65535, not 'x'"],
    [['receive', '--out', '-', '--port', '65536'], 'from 0 to 65535'],
    [['receive', '--out', '-', '--cert', 'x'], '--cert needs --key'],
    [['receive', '--out', '-', '--key', 'x'], '--key needs --cert'],
    [['receive', '--out', '-', '--tls', 'TLSv1.3'], "--tls takes 1.2 or 1.3, not 'TLSv1.3'"],
    [['receive', '--out', '-', '--tls'], "'--tls <value>' argument missing"],
    [['receive', '--out', '-', 'more'], 'one argument too many'],
    [['receive', '--out', '/dev/null/x/'], 'cannot be made'],
    [['receive', '--out', '/nowhere/x'], "there is no directory '/nowhere'"],
    [['receive', '--out'], "'--out <value>' argument missing"],
    [['verify'], 'FILE is missing'],
    [['verify', '/nowhere/x', '--host', 'x'], "there is no file '/nowhere/x'"],
    [['verify', process.execPath], '--host is missing'],
    [['verify', process.execPath, '--host', 'x'], 'chain: expected PEM certificates'],
    [['verify', process.execPath, '--purpose', 'client'], '--ca is missing'],
    [['verify', process.execPath, '--purpose', 'both'], "--purpose takes server or client, not 'both'"],
    [['verify', process.execPath, '--host', 'x', '--at', 'tomorrow'], '--at takes a date such as 2026-12-31'],
    [['verify', process.execPath, '--host', 'x', '--at', '2026-02-30T00:00Z', '--ca', '/'], 'is a directory'],
    [['lab', '--rounds', '0'], '--rounds takes a number from 1'],
    [['lab', '--bytes', '1000,'], "--bytes takes a number from 1 to 1099511627776, not ''"],
    [['lab', '--bytes', '1e6'], "not '1e6'"],
    [['lab', '--tls', '1.4'], "--tls takes 1.2 or 1.3, not '1.4'"],
    [['lab', '--file', '/nowhere/x'], "there is no file '/nowhere/x'"],
    [['lab', '--file', '/dev/null'], 'is empty'],
    // Whoever names a file may put a line break into its name, or an order for the terminal.
    [['tell\nme'], "'tell\\u{a}me' is not a command"],
    [
      ['send', '-', 'localhost:6514', 'a\r\n\u{1b}[31m'],
      "'a\\u{d}\\u{a}\\u{1b}[31m' is one argument too many",
    ],
    [['receive', '--out', '/nowhere\u{2028}/x'], "no directory '/nowhere\\u{2028}'"],
    [['verify', '/nowhere/\u{9b}x', '--host', 'x'], "there is no file '/nowhere/\\u{9b}x'"],
    [['lab', '--file', process.execPath, '--bytes', '1'], '--file and --bytes exclude each other'],
  ];

  test.each(cases)('%j', async (args, says) => {
    const { status, stdout, stderr } = await tacit(args);
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^tacit.*: .*\(see tacit .*--help\)\n$/);
    expect(stdout.length).toBe(0);
    expect(status).toBe(2);
  });
});
