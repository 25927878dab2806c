import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { NamedGroup } from '../../src/index.ts';
import { serverName } from './certificates.ts';
import { cipherSuiteOf, everyGroup, everySignatureScheme } from './names.ts';
import { opensslEnvironment, opensslGroups } from './openssl-config.ts';
import { opaque, sha256 } from './payload.ts';
import type {
  ClientRun,
  PeerAbilities,
  PeerClient,
  PeerReport,
  PeerServer,
  RunningServer,
  ServerRun,
} from './peer.ts';
import { type PeerProcess, start } from './process.ts';
import { scratchFile } from './run.ts';

const abilities: PeerAbilities = {
  groups: everyGroup,
  signatureSchemes: everySignatureScheme,
  mixesCurvesAndHashes: true,
  narrowsSignatureSchemes: true,
  updatesKeys: true,
  alpnMismatch: 'alert',
  refusal: 'unknown_ca',
  otherVersion: 'protocol_version',
  tls12MissingCertificate: 'handshake_failure',
  heedsAuthorities: false,
  limitsRecords: false,
  takesTls12Tickets: true,
  resumesById: true,
  dropsExtendedMasterSecret: true,
  halfCloses: false,
  remembersGroups: false,
  namesAlerts: true,
};

/** `openssl s_client`, one process per connection; a session goes from one to the next in a file. */
export function opensslClientWith(...extra: readonly string[]): PeerClient {
  return {
    name: 'openssl s_client',
    version: 'TLSv1.3',
    abilities,
    application: 'raw',
    payloads: opaque,
    closesFirst: 'server',
    async run(options: ClientRun): Promise<readonly PeerReport[]> {
      const reports: PeerReport[] = [];
      let session: string | undefined;
      for (let i = 0; i < (options.connections ?? 1); i++) {
        const next = scratchFile('session.pem');
        const args = [...extra, '-sess_out', next];
        if (session !== undefined && existsSync(session)) args.push('-sess_in', session);
        reports.push(await connectOnce(options, args));
        session = next;
      }
      return reports;
    },
  };
}

export const opensslClient: PeerClient = opensslClientWith();

async function connectOnce(options: ClientRun, extra: readonly string[]): Promise<PeerReport> {
  const messages = scratchFile('messages');
  const args = ['s_client', '-connect', `127.0.0.1:${options.port}`, '-servername', serverName];
  args.push('-verify_hostname', serverName, '-CAfile', options.roots, '-verify_return_error');
  const peer = await startOpenssl(options, messages, [...args, ...extra]);
  if (options.updateKeys) await command(peer, messages, ['K', 'k'], 'KeyUpdate');
  peer.write(opaque[options.size ?? 'usual'].upload);
  const { code } = await peer.exited;
  if (code !== 0) return { error: peer.stderr };
  const [log = ''] = connectionLogs(await readFile(messages, 'latin1'));
  return describe('client', textIn(peer.stdout), log, dataIn(peer.stdout));
}

/** `openssl s_server`. */
export function opensslServerWith(...extra: readonly string[]): PeerServer {
  return {
    name: 'openssl s_server',
    version: 'TLSv1.3',
    abilities,
    payloads: opaque,
    closesFirst: 'client',
    async start(options: ServerRun): Promise<RunningServer> {
      const connections = options.connections ?? 1;
      const messages = scratchFile('messages');
      const args = ['s_server', '-accept', '127.0.0.1:0', '-naccept', `${connections}`];
      if (options.clientRoots !== undefined) {
        args.push('-Verify', '3', '-verify_return_error', '-CAfile', options.clientRoots);
      }
      if (options.withoutTickets) args.push('-no_ticket');
      const peer = await startOpenssl(options, messages, [...args, ...extra]);
      const [, port] = await peer.match(/^ACCEPT .*:(\d+)$/m);
      const answered = answerAll(peer, options, messages);
      return {
        port: Number(port),
        async reports(count, failed): Promise<readonly PeerReport[]> {
          if (count < connections) await peer.terminate();
          await answered;
          await peer.exited;
          const { upload } = opaque[options.size ?? 'usual'];
          const log = await readFile(messages, 'latin1');
          return reportsOf(peer, log, upload.length, failed ? count - 1 : undefined);
        },
      };
    },
  };
}

export const opensslServer: PeerServer = opensslServerWith();

function reportsOf(
  peer: PeerProcess,
  messages: string,
  length: number,
  failed: number | undefined,
): PeerReport[] {
  const sections = textIn(peer.stdout).split(/^CONNECTION CLOSED$/m);
  const data = dataIn(peer.stdout);
  return connectionLogs(messages).map((log, i) => {
    if (i === failed) return { error: peer.stderr };
    const received = data.subarray(i * length, (i + 1) * length);
    return describe('server', sections[i] ?? '', log, received);
  });
}

/** Answers each connection when its upload is whole; gives up when the process ends. */
async function answerAll(peer: PeerProcess, options: ServerRun, messages: string): Promise<void> {
  const { upload, download } = opaque[options.size ?? 'usual'];
  for (let i = 1; i <= (options.connections ?? 1); i++) {
    const expected = i * upload.length;
    const isWhole = (): boolean => peer.stdoutLength >= expected && dataIn(peer.stdout).length >= expected;
    const arrived = peer.until(`upload ${i}`, () => isWhole() || undefined);
    if (!(await arrived.catch(() => false))) return;
    if (options.updateKeys) await command(peer, messages, ['K', 'k'], 'KeyUpdate');
    if (options.asksToRenegotiate) await command(peer, messages, ['r'], 'HelloRequest');
    peer.write(download);
  }
}

async function startOpenssl(
  options: ClientRun | ServerRun,
  messages: string,
  args: readonly string[],
): Promise<PeerProcess> {
  const { withoutExtendedMasterSecret } = options;
  // It has no argument for that.
  const env = withoutExtendedMasterSecret ? await opensslEnvironment({ withoutExtendedMasterSecret }) : {};
  return start('openssl', [...args.slice(0, 1), ...commonArguments(options, messages), ...args.slice(1)], {
    env,
  });
}

function commonArguments(options: ClientRun | ServerRun, messages: string): string[] {
  const { versions } = options;
  const args = ['-min_protocol', `${versions.at(0)}`, '-max_protocol', `${versions.at(-1)}`];
  args.push('-no-CApath', '-no-CAstore', '-msg', '-msgfile', messages);
  args.push('-keymatexport', 'EXPORTER-tacit-interop', '-keymatexportlen', '32');
  const { identity, groups, cipherSuites, signatureSchemes, alpnProtocols, keyLog } = options;
  if (identity !== undefined) {
    args.push('-cert', identity.cert, '-key', identity.key, '-cert_chain', identity.intermediates);
  }
  if (keyLog !== undefined) args.push('-keylogfile', keyLog);
  if (groups !== undefined) args.push('-groups', opensslGroups(groups));
  if (cipherSuites !== undefined) args.push('-ciphersuites', cipherSuites.join(':'));
  if (signatureSchemes !== undefined) args.push('-sigalgs', signatureSchemes.join(':'));
  if (alpnProtocols !== undefined) args.push('-alpn', alpnProtocols.join(','));
  return args;
}

/**
 * Commands, which must be alone in a read, and the message that each sends: K is a key update that asks for ours, k one
 * that does not, r asks for a renegotiation.
 */
async function command(
  peer: PeerProcess,
  messages: string,
  letters: readonly string[],
  message: string,
): Promise<void> {
  for (const [i, letter] of letters.entries()) {
    peer.write(`${letter}\n`);
    await peer.poll(`${message} ${i + 1}`, async () => {
      const log = await readFile(messages, 'latin1').catch(() => '');
      return log.split('\n').filter((line) => isSent(line, message)).length > i || undefined;
    });
  }
}

function isSent(line: string, message: string): boolean {
  return line.startsWith('>>> ') && line.endsWith(`, ${message}`);
}

/** What openssl printed itself. It buffers this and writes the data past it, so that they mix anywhere. */
function textIn(printed: Buffer): string {
  return Buffer.from(printed.filter((byte) => byte < 0x80)).toString('latin1');
}

/** What it received. */
function dataIn(printed: Buffer): Buffer {
  return Buffer.from(printed.filter((byte) => byte >= 0x80));
}

/** The handshake messages of each connection, as `<<< Name` and `>>> Name`, one per line. */
function connectionLogs(messages: string): string[] {
  const logs: string[] = [];
  let last = '';
  for (const [, direction, name] of messages.matchAll(/^(<<<|>>>) .*, Handshake .*, (\w+)$/gm)) {
    if (name === 'ClientHello' && last !== 'ServerHello') logs.push('');
    if (logs.length > 0) logs.push(`${logs.pop()}${direction} ${name}\n`);
    last = name!;
  }
  return logs;
}

const groupsByName: Readonly<Record<string, NamedGroup>> = {
  X25519: 'x25519',
  'ECDH, prime256v1': 'secp256r1',
  'ECDH, secp384r1': 'secp384r1',
  'ECDH, secp521r1': 'secp521r1',
};

function describe(side: 'client' | 'server', text: string, log: string, data: Buffer): PeerReport {
  const find = (pattern: RegExp): string | undefined => text.match(pattern)?.[1];
  const protocolVersion = find(/^\s*Protocol *: (\S+)/m);
  const count = (pattern: RegExp): number => (log.match(pattern) ?? []).length;
  return {
    protocolVersion,
    resumed: side === 'client' ? /^Reused, TLSv1/m.test(text) : /^Reused session-id/m.test(text),
    cipherSuite: cipherSuiteOf(find(side === 'client' ? /Cipher is (\S+)/ : /^CIPHER is (\S+)/m) ?? ''),
    group: groupsByName[find(/^Server Temp Key: (.*), \d+ bits/m) ?? ''],
    alpnProtocol: find(/^ALPN protocols? ?(?:selected)?: (\S+)/m),
    helloRetryRequest: count(/ServerHello$/gm) > 1,
    earlyData: find(/^Early data was (.*)$/m),
    stapledStatus: find(/^\s*Cert Status: (\w+)/m),
    // In TLS 1.3 it says no.
    extendedMasterSecret:
      protocolVersion === 'TLSv1.2' ? /^ *Extended master secret: yes/m.test(text) : undefined,
    exporter: find(/Keying material: ([0-9A-F]+)/)?.toLowerCase(),
    peerCertificate: side === 'client' ? undefined : /^<<< Certificate$/m.test(log),
    keyUpdatesReceived: count(/^<<< KeyUpdate$/gm),
    bytes: data.length,
    sha256: sha256(data),
  };
}
