import { readFile } from 'node:fs/promises';
import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import { serverName } from './certificates.ts';
import { everyGroup, everySignatureScheme } from './names.ts';
import { lines, sha256 } from './payload.ts';
import type {
  ClientRun,
  PeerAbilities,
  PeerClient,
  PeerReport,
  PeerServer,
  PeerSettings,
  RunningServer,
  ServerRun,
} from './peer.ts';
import { freePort, keyLogEnvironment, start, untilListening } from './process.ts';
import { scratchFile } from './run.ts';

const abilities: PeerAbilities = {
  groups: everyGroup,
  signatureSchemes: everySignatureScheme,
  narrowsSignatureSchemes: true,
  updatesKeys: true,
  alpnMismatch: 'alert',
  refusal: 'access_denied',
  heedsAuthorities: false,
  limitsRecords: true,
  halfCloses: false,
  remembersGroups: false,
  namesAlerts: true,
};

const { upload, download } = lines;

/** `gnutls-cli`. It resumes its session once, on a command. */
export const gnutlsClient: PeerClient = {
  name: 'gnutls-cli',
  abilities,
  application: 'raw',
  payloads: lines,
  closesFirst: 'client',
  async run(options: ClientRun): Promise<readonly PeerReport[]> {
    const { identity, alpnProtocols = [], connections = 1, recordSizeLimit } = options;
    const log = scratchFile('gnutls-cli.log');
    const args = ['--port', `${options.port}`, '--x509cafile', options.roots, '--logfile', log];
    args.push('--sni-hostname', serverName, '--verify-hostname', serverName, '--inline-commands');
    args.push('--single-key-share', ...commonArguments(options));
    for (const protocol of alpnProtocols) args.push('--alpn', protocol);
    if (identity !== undefined) args.push('--x509certfile', identity.cert, '--x509keyfile', identity.key);
    if (recordSizeLimit !== undefined) args.push('--recordsize', `${recordSizeLimit}`);
    const peer = start('gnutls-cli', [...args, '127.0.0.1'], { env: keyLogEnvironment(options) });
    for (let i = 1; i <= connections; i++) {
      peer.write(upload.subarray(0, upload.length / 2));
      if (options.updateKeys) peer.write('^rekey^\n');
      peer.write(upload.subarray(upload.length / 2));
      const expected = i * download.length;
      const answered = peer.until(`answer ${i}`, () => peer.stdoutLength >= expected || undefined);
      if (!(await answered.catch(() => false))) break;
      if (i < connections) peer.write('^resume^\n');
    }
    peer.endInput();
    const { code } = await peer.exited;
    const printed = await readFile(log, 'latin1');
    if (code !== 0) return [{ error: `${printed}${peer.stderr}` }];
    return printed
      .split(/^Connecting to /m)
      .slice(1)
      .map((section, i) => {
        const received = peer.stdout.subarray(i * download.length, (i + 1) * download.length);
        return { ...describe(section), bytes: received.length, sha256: sha256(received) };
      });
  },
};

/** `gnutls-serv --echo`. What it prints comes when it ends. */
export const gnutlsServer: PeerServer = {
  name: 'gnutls-serv',
  abilities: { ...abilities, updatesKeys: false, namesAlerts: false },
  // What it got is what it answers.
  payloads: { ...lines, download: lines.upload },
  closesFirst: 'client',
  async start(options: ServerRun): Promise<RunningServer> {
    const { identity, alpnProtocols = [], clientRoots, recordSizeLimit } = options;
    const port = await freePort();
    const args = ['--echo', '--port', `${port}`, ...commonArguments(options)];
    args.push('--x509certfile', identity.cert, '--x509keyfile', identity.key);
    if (clientRoots === undefined) args.push('--disable-client-cert');
    else args.push('--x509cafile', clientRoots, '--require-client-cert', '--verify-client-cert');
    for (const protocol of alpnProtocols) args.push('--alpn', protocol);
    if (alpnProtocols.length > 0) args.push('--alpn-fatal');
    if (recordSizeLimit !== undefined) args.push('--recordsize', `${recordSizeLimit}`);
    const peer = start('gnutls-serv', args, { env: keyLogEnvironment(options) });
    await untilListening(peer, port);
    return {
      port,
      async reports(_count, failed): Promise<readonly PeerReport[]> {
        // One that it did not take: the attempt that found it listening. Another, where a handshake failed.
        if (failed) await peer.until('an error', () => errorsIn(peer.stderr) > 1 || undefined);
        await peer.terminate();
        const sections = peer.stdout
          .toString('latin1')
          .split(/^\* Accepted connection /m)
          .filter((section) => section.includes('- Description: '));
        return failed ? [{ error: peer.output }] : sections.map(describe);
      },
    };
  },
};

function errorsIn(printed: string): number {
  return printed.split('Error in handshake').length - 1;
}

const groupNames: Readonly<Record<NamedGroup, string>> = {
  x25519: 'X25519',
  secp256r1: 'SECP256R1',
  secp384r1: 'SECP384R1',
  secp521r1: 'SECP521R1',
};

const cipherNames: Readonly<Record<CipherSuiteName, string>> = {
  TLS_AES_128_GCM_SHA256: 'AES-128-GCM',
  TLS_AES_256_GCM_SHA384: 'AES-256-GCM',
  TLS_CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'AES-128-GCM',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'AES-128-GCM',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'AES-256-GCM',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'AES-256-GCM',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
};

const signatureNames: Readonly<Record<SignatureScheme, string>> = {
  ecdsa_secp256r1_sha256: 'ECDSA-SECP256R1-SHA256',
  ecdsa_secp384r1_sha384: 'ECDSA-SECP384R1-SHA384',
  ecdsa_secp521r1_sha512: 'ECDSA-SECP521R1-SHA512',
  ed25519: 'EDDSA-ED25519',
  rsa_pss_rsae_sha256: 'RSA-PSS-RSAE-SHA256',
  rsa_pss_rsae_sha384: 'RSA-PSS-RSAE-SHA384',
  rsa_pss_rsae_sha512: 'RSA-PSS-RSAE-SHA512',
  rsa_pss_pss_sha256: 'RSA-PSS-SHA256',
  rsa_pss_pss_sha384: 'RSA-PSS-SHA384',
  rsa_pss_pss_sha512: 'RSA-PSS-SHA512',
  rsa_pkcs1_sha256: 'RSA-SHA256',
  rsa_pkcs1_sha384: 'RSA-SHA384',
  rsa_pkcs1_sha512: 'RSA-SHA512',
};

function commonArguments(settings: PeerSettings): string[] {
  const { groups, cipherSuites, signatureSchemes } = settings;
  const priority = ['NORMAL', '-VERS-ALL', '+VERS-TLS1.3', '%ALLOW_SMALL_RECORDS'];
  if (groups !== undefined)
    priority.push('-GROUP-ALL', ...groups.map((name) => `+GROUP-${groupNames[name]}`));
  if (cipherSuites !== undefined) {
    priority.push('-CIPHER-ALL', ...cipherSuites.map((name) => `+${cipherNames[name]}`));
  }
  if (signatureSchemes !== undefined) {
    priority.push('-SIGN-ALL', ...signatureSchemes.map((name) => `+SIGN-${signatureNames[name]}`));
  }
  const exporter = ['--keymatexport', 'EXPORTER-tacit-interop', '--keymatexportsize', '32'];
  return ['--priority', priority.join(':'), ...exporter];
}

function describe(section: string): PeerReport {
  const find = (pattern: RegExp): string | undefined => section.match(pattern)?.[1];
  const cipher = find(/^- Description: .*\(([A-Z0-9-]+)\)$/m);
  const group = find(/^- Description: .*\(ECDHE-([A-Z0-9]+)\)/m);
  const signature = find(/^- Description: .*\(ECDHE-[A-Z0-9]+\)-\(([A-Z0-9-]+)\)/m);
  return {
    resumed: /^\*\*\* This is a resumed session/m.test(section),
    cipherSuite: keyOf(cipherNames, cipher),
    group: keyOf(groupNames, group),
    signatureScheme: keyOf(signatureNames, signature),
    alpnProtocol: find(/^- Application protocol: (\S+)/m),
    exporter: find(/^- Key material: ([0-9a-f]+)/m),
  };
}

function keyOf(names: Readonly<Record<string, string>>, value: string | undefined): string | undefined {
  return Object.keys(names).find((key) => names[key] === value);
}
