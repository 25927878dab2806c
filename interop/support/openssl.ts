import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { NamedGroup } from '../../src/index.ts';
import { serverName } from './certificates.ts';
import { everyGroup, everySignatureScheme } from './names.ts';
import { opensslGroups } from './openssl-config.ts';
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
  narrowsSignatureSchemes: true,
  updatesKeys: true,
  alpnMismatch: 'alert',
  refusal: 'unknown_ca',
  heedsAuthorities: false,
  limitsRecords: false,
  halfCloses: false,
  remembersGroups: false,
  namesAlerts: true,
};

const { upload, download } = opaque;

/** `openssl s_client`, one process per connection; a session goes from one to the next in a file. */
export function opensslClientWith(...extra: readonly string[]): PeerClient {
  return {
    name: 'openssl s_client',
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
  const peer = start('openssl', [...args, ...commonArguments(options, messages), ...extra]);
  if (options.updateKeys) await updateKeys(peer, messages);
  peer.write(upload);
  const { code } = await peer.exited;
  if (code !== 0) return { error: peer.stderr };
  const [log = ''] = connectionLogs(await readFile(messages, 'latin1'));
  return describe('client', textIn(peer.stdout), log, dataIn(peer.stdout));
}

/** `openssl s_server`. */
export function opensslServerWith(...extra: readonly string[]): PeerServer {
  return {
    name: 'openssl s_server',
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
      const peer = start('openssl', [...args, ...commonArguments(options, messages), ...extra]);
      const [, port] = await peer.match(/^ACCEPT .*:(\d+)$/m);
      const answered = answerAll(peer, options, messages);
      return {
        port: Number(port),
        async reports(count, failed): Promise<readonly PeerReport[]> {
          if (count < connections) await peer.terminate();
          await answered;
          await peer.exited;
          return reportsOf(peer, await readFile(messages, 'latin1'), failed ? count - 1 : undefined);
        },
      };
    },
  };
}

export const opensslServer: PeerServer = opensslServerWith();

function reportsOf(peer: PeerProcess, messages: string, failed: number | undefined): PeerReport[] {
  const sections = textIn(peer.stdout).split(/^CONNECTION CLOSED$/m);
  const data = dataIn(peer.stdout);
  return connectionLogs(messages).map((log, i) => {
    if (i === failed) return { error: peer.stderr };
    const received = data.subarray(i * upload.length, (i + 1) * upload.length);
    return describe('server', sections[i] ?? '', log, received);
  });
}

/** Answers each connection when its upload is whole; gives up when the process ends. */
async function answerAll(peer: PeerProcess, options: ServerRun, messages: string): Promise<void> {
  for (let i = 1; i <= (options.connections ?? 1); i++) {
    const expected = i * upload.length;
    const isWhole = (): boolean => peer.stdoutLength >= expected && dataIn(peer.stdout).length >= expected;
    const arrived = peer.until(`upload ${i}`, () => isWhole() || undefined);
    if (!(await arrived.catch(() => false))) return;
    if (options.updateKeys) await updateKeys(peer, messages);
    peer.write(download);
  }
}

function commonArguments(options: ClientRun | ServerRun, messages: string): string[] {
  const args = ['-min_protocol', 'TLSv1.3', '-no-CApath', '-no-CAstore', '-msg', '-msgfile', messages];
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

/** An update that asks for ours (K) and one that does not (k): commands that must be alone in a read. */
async function updateKeys(peer: PeerProcess, messages: string): Promise<void> {
  for (const [i, command] of ['K\n', 'k\n'].entries()) {
    peer.write(command);
    await peer.poll(`key update ${i + 1}`, async () => {
      const log = await readFile(messages, 'latin1').catch(() => '');
      return (log.match(/^>>> .*, KeyUpdate$/gm) ?? []).length > i || undefined;
    });
  }
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
  const count = (pattern: RegExp): number => (log.match(pattern) ?? []).length;
  return {
    resumed: side === 'client' ? /^Reused, TLSv1\.3/m.test(text) : /^Reused session-id/m.test(text),
    cipherSuite: find(side === 'client' ? /Cipher is (\S+)/ : /^CIPHER is (\S+)/m),
    group: groupsByName[find(/^Server Temp Key: (.*), \d+ bits/m) ?? ''],
    alpnProtocol: find(/^ALPN protocols? ?(?:selected)?: (\S+)/m),
    helloRetryRequest: count(/ServerHello/g) > 1,
    earlyData: find(/^Early data was (.*)$/m),
    stapledStatus: find(/^\s*Cert Status: (\w+)/m),
    exporter: find(/Keying material: ([0-9A-F]+)/)?.toLowerCase(),
    peerCertificate: side === 'client' ? undefined : /^<<< Certificate$/m.test(log),
    keyUpdatesReceived: count(/^<<< KeyUpdate$/gm),
    bytes: data.length,
    sha256: sha256(data),
  };
}
