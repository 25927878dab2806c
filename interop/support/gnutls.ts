import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import { serverName } from './certificates.ts';
import { everyCipherSuite, everyGroup, everySignatureScheme } from './names.ts';
import { lines, type Payloads, sha256 } from './payload.ts';
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
  mixesCurvesAndHashes: true,
  narrowsSignatureSchemes: true,
  updatesKeys: true,
  alpnMismatch: 'alert',
  refusal: 'access_denied',
  otherVersion: 'handshake_failure',
  tls12MissingCertificate: 'decode_error',
  heedsAuthorities: false,
  limitsRecords: true,
  takesTls12Tickets: true,
  resumesById: true,
  dropsExtendedMasterSecret: true,
  halfCloses: false,
  remembersGroups: false,
  namesAlerts: true,
};

/** `gnutls-cli`, with more of a priority string. It resumes its session once, on a command. */
export const gnutlsClientWith = (...priority: readonly string[]): PeerClient => ({
  name: 'gnutls-cli',
  version: 'TLSv1.3',
  abilities,
  application: 'raw',
  payloads: lines,
  closesFirst: 'client',
  async run(options: ClientRun): Promise<readonly PeerReport[]> {
    const { identity, alpnProtocols = [], connections = 1, recordSizeLimit } = options;
    const { upload, download } = lines[options.size ?? 'usual'];
    const log = scratchFile('gnutls-cli.log');
    const args = ['--port', `${options.port}`, '--x509cafile', options.roots, '--logfile', log];
    args.push('--sni-hostname', serverName, '--verify-hostname', serverName, '--inline-commands');
    args.push('--single-key-share', ...commonArguments(options, priority));
    for (const protocol of alpnProtocols) args.push('--alpn', protocol);
    if (identity !== undefined) args.push('--x509certfile', identity.cert, '--x509keyfile', identity.key);
    if (recordSizeLimit !== undefined) args.push('--recordsize', `${recordSizeLimit}`);
    // It asks for one in any case.
    const response = scratchFile('ocsp-response.der');
    if (options.asksForOcspResponse) args.push('--save-ocsp', response);
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
    const stapledResponse = existsSync(response) ? sha256(await readFile(response)) : undefined;
    if (code !== 0) return [{ error: `${printed}${peer.stderr}` }];
    return printed
      .split(/^Connecting to /m)
      .slice(1)
      .map((section, i) => {
        const received = peer.stdout.subarray(i * download.length, (i + 1) * download.length);
        return { ...describe(section), stapledResponse, bytes: received.length, sha256: sha256(received) };
      });
  },
});

export const gnutlsClient: PeerClient = gnutlsClientWith();

/** `gnutls-serv --echo`. What it prints comes when it ends. */
export const gnutlsServerWith = (...priority: readonly string[]): PeerServer => ({
  name: 'gnutls-serv',
  version: 'TLSv1.3',
  abilities: { ...abilities, updatesKeys: false, namesAlerts: false },
  // What it got is what it answers.
  payloads: { usual: echoed(lines.usual), large: echoed(lines.large) },
  closesFirst: 'client',
  async start(options: ServerRun): Promise<RunningServer> {
    const { identity, alpnProtocols = [], clientRoots, recordSizeLimit } = options;
    const port = await freePort();
    const args = ['--echo', '--port', `${port}`, ...commonArguments(options, priority)];
    args.push('--x509certfile', identity.cert, '--x509keyfile', identity.key);
    if (clientRoots === undefined) args.push('--disable-client-cert');
    else args.push('--x509cafile', clientRoots, '--require-client-cert', '--verify-client-cert');
    for (const protocol of alpnProtocols) args.push('--alpn', protocol);
    if (alpnProtocols.length > 0) args.push('--alpn-fatal');
    if (options.withoutTickets) args.push('--noticket');
    if (options.ocspResponse !== undefined) {
      // It has its doubts about responses that revoke its certificate.
      args.push('--ocsp-response', options.ocspResponse, '--ignore-ocsp-response-errors');
    }
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
});

export const gnutlsServer: PeerServer = gnutlsServerWith();

function echoed({ upload }: Payloads): Payloads {
  return { upload, download: upload };
}

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

/** In TLS 1.2 ECDSA goes without the curve. */
const withoutCurve = (signatureName: string): string => signatureName.replace(/SECP\d+R1-/, '');

function commonArguments(settings: PeerSettings, more: readonly string[]): string[] {
  const { versions, groups, cipherSuites, signatureSchemes } = settings;
  const priority = ['NORMAL', '-VERS-ALL', ...versions.map((version) => `+VERS-${version.replace('v', '')}`)];
  priority.push('%ALLOW_SMALL_RECORDS', ...more);
  if (settings.withoutExtendedMasterSecret) priority.push('%NO_SESSION_HASH');
  if (groups !== undefined)
    priority.push('-GROUP-ALL', ...groups.map((name) => `+GROUP-${groupNames[name]}`));
  if (cipherSuites !== undefined) {
    priority.push('-CIPHER-ALL', ...cipherSuites.map((name) => `+${cipherNames[name]}`));
  }
  if (signatureSchemes !== undefined) {
    const names = signatureSchemes.map((scheme) => signatureNames[scheme]);
    const spoken = versions.includes('TLSv1.2') ? [...names, ...names.map(withoutCurve)] : names;
    priority.push('-SIGN-ALL', ...new Set(spoken.map((name) => `+SIGN-${name}`)));
  }
  const exporter = ['--keymatexport', 'EXPORTER-tacit-interop', '--keymatexportsize', '32'];
  return ['--priority', priority.join(':'), ...exporter];
}

function describe(section: string): PeerReport {
  const find = (pattern: RegExp): string | undefined => section.match(pattern)?.[1];
  const version = find(/^- Description: \(TLS(1\.\d)-/m);
  const cipher = find(/^- Description: .*\(([A-Z0-9-]+)\)$/m);
  const options = find(/^- Options: (.*)$/m) ?? '';
  const group = find(/^- Description: .*\(ECDHE-([A-Z0-9]+)\)/m);
  const signature = find(/^- Description: .*\(ECDHE-[A-Z0-9]+\)-\(([A-Z0-9-]+)\)-\(/m);
  return {
    protocolVersion: `TLSv${version}`,
    resumed: /^\*\*\* This is a resumed session/m.test(section),
    cipherSuite: version === '1.2' ? tls12Suite(cipher, signature) : keyOf(cipherNames, cipher),
    group: keyOf(groupNames, group),
    signatureScheme: version === '1.2' ? undefined : keyOf(signatureNames, signature),
    alpnProtocol: find(/^- Application protocol: (\S+)/m),
    extendedMasterSecret: version === '1.2' ? options.includes('extended master secret') : undefined,
    exporter: find(/^- Key material: ([0-9a-f]+)/m),
  };
}

/** Where it says what it was signed with, the kind of key follows from that. */
function tls12Suite(cipher: string | undefined, signature: string | undefined): string | undefined {
  if (signature === undefined) return undefined;
  const key = signature.startsWith('RSA') ? '_RSA_' : '_ECDSA_';
  return everyCipherSuite['TLSv1.2'].find((name) => name.includes(key) && cipherNames[name] === cipher);
}

function keyOf(names: Readonly<Record<string, string>>, value: string | undefined): string | undefined {
  return Object.keys(names).find((key) => names[key] === value);
}
