import { readFile } from 'node:fs/promises';
import { serverName } from './certificates.ts';
import { cipherSuiteOf, everyGroup, everySignatureScheme } from './names.ts';
import { opensslEnvironment, opensslGroups } from './openssl-config.ts';
import { opaque, payloadFile, sha256 } from './payload.ts';
import type { ClientRun, PeerClient, PeerReport } from './peer.ts';
import { keyLogEnvironment, start } from './process.ts';
import { run, scratchFile } from './run.ts';

/** `curl` on OpenSSL: a POST of the payload over https, one connection per request. */
export const curlClient: PeerClient = {
  name: 'curl',
  version: 'TLSv1.3',
  abilities: {
    groups: everyGroup,
    signatureSchemes: everySignatureScheme,
    mixesCurvesAndHashes: true,
    narrowsSignatureSchemes: true,
    updatesKeys: false,
    alpnMismatch: 'alert',
    refusal: 'unknown_ca',
    otherVersion: 'protocol_version',
    tls12MissingCertificate: 'handshake_failure',
    heedsAuthorities: false,
    limitsRecords: false,
    // libcurl sets SSL_OP_NO_TICKET.
    takesTls12Tickets: false,
    resumesById: false,
    dropsExtendedMasterSecret: true,
    halfCloses: false,
    remembersGroups: false,
    namesAlerts: true,
  },
  application: 'http',
  payloads: opaque,
  closesFirst: 'server',
  async run(options: ClientRun): Promise<readonly PeerReport[]> {
    const args = ['--silent', '--show-error', '--verbose', '--max-time', '30'];
    const { versions, identity, groups, cipherSuites, alpnProtocols, connections = 1 } = options;
    args.push(`--tlsv${versions.at(0)?.slice(4)}`, '--tls-max', `${versions.at(-1)?.slice(4)}`);
    args.push('--cacert', options.roots, '--resolve', `${serverName}:${options.port}:127.0.0.1`);
    const body = payloadFile(run.directory, 'upload', options.size);
    args.push('--header', 'Expect:', '--data-binary', `@${body}`);
    args.push(alpnProtocols?.includes('h2') ? '--http2' : '--http1.1');
    if (alpnProtocols === undefined) args.push('--no-alpn');
    if (identity !== undefined) args.push('--cert', identity.cert, '--key', identity.key);
    if (groups !== undefined) args.push('--curves', opensslGroups(groups));
    if (cipherSuites !== undefined) args.push('--tls13-ciphers', cipherSuites.join(':'));
    const answers = Array.from({ length: connections }, () => scratchFile('answer'));
    for (const answer of answers) args.push('--output', answer, `https://${serverName}:${options.port}/`);

    const narrowed = await opensslEnvironment(options);
    const peer = start('curl', args, { env: { ...narrowed, ...keyLogEnvironment(options) } });
    const { code } = await peer.exited;
    if (code !== 0) return [{ error: peer.stderr }];
    const logs = peer.stderr.split(/^\*\s+(?=Trying )/m).slice(1);
    return Promise.all(answers.map(async (answer, i) => describe(logs[i] ?? '', await readFile(answer))));
  },
};

function describe(log: string, answer: Buffer): PeerReport {
  const find = (pattern: RegExp): string | undefined => log.match(pattern)?.[1];
  const accepted = find(/ALPN: server accepted (\S+)/);
  return {
    // curl says what it tries, not what came of it; but a resumed handshake has no certificate.
    resumed: !/IN\), TLS handshake, Certificate \(11\)/.test(log),
    protocolVersion: find(/SSL connection using (\S+)/),
    cipherSuite: cipherSuiteOf(find(/SSL connection using \S+ \/ (\S+)/) ?? ''),
    alpnProtocol: accepted,
    helloRetryRequest: (log.match(/IN\), TLS handshake, Server hello \(2\)/g) ?? []).length > 1,
    bytes: answer.length,
    sha256: sha256(answer),
  };
}
