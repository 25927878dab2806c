import { certificateName } from './certificates.ts';
import type { ConnectionOutcome, Pair, SideOutcome } from './play.ts';
import {
  type CertificateChoice,
  type Connection,
  canSign,
  commonVersion,
  isPolite,
  type ServerChoice,
  sum,
} from './scenario.ts';

/** What must not be, whatever others do. */
export interface Breach {
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

/** What holds within one connection: for both libraries, or for ours alone where `node:tls` is known to do without. */
export function breaches(
  pair: Pair,
  connection: Connection,
  previous: Connection | undefined,
  outcome: ConnectionOutcome,
): readonly Breach[] {
  return [
    ...agreement(outcome),
    ...rightVersion(connection, outcome),
    ...wholeness(connection, outcome),
    ...(['client', 'server'] as const).flatMap((side) =>
      pair[side] === 'tacit'
        ? [
            ...truthAboutEnds(connection, side, outcome[side]),
            ...rightReason(connection, side, outcome),
            ...reasonTold(connection, side, outcome),
          ]
        : [],
    ),
    ...(pair.client === 'tacit'
      ? [...serverIsRight(connection, previous, outcome), ...sameServer(connection, previous, outcome)]
      : []),
    ...(pair.server === 'tacit'
      ? [...clientIsRight(connection, previous, outcome), ...samePolicy(connection, previous, outcome)]
      : []),
  ];
}

/** Both ends know the same of their connection (RFC 9846 §7.5 for the exporter). */
function agreement({ client, server }: ConnectionOutcome): readonly Breach[] {
  if (client.facts === undefined || server.facts === undefined) return [];
  return (['version', 'suite', 'group', 'alpn', 'resumed', 'exporter'] as const).flatMap((name) => {
    const [near, far] = [client.facts![name], server.facts![name]];
    const isUnknown = name === 'group' && (near === undefined || far === undefined);
    if (isUnknown || near === far) return [];
    return [{ what: `law: both sides have the same ${name}`, expected: String(near), actual: String(far) }];
  });
}

/** Nobody is connected but with the highest version that both speak: with none in common, nobody is. */
function rightVersion(connection: Connection, { client, server }: ConnectionOutcome): readonly Breach[] {
  const expected = commonVersion(connection) ?? 'refused';
  return [client, server].flatMap(({ facts }) =>
    facts === undefined || facts.version === expected
      ? []
      : [{ what: 'law: the highest common version', expected, actual: facts.version }],
  );
}

/** Where both say that they end, all arrives. */
function wholeness({ traffic }: Connection, { client, server }: ConnectionOutcome): readonly Breach[] {
  const { up, down, ending } = traffic;
  if (client.facts === undefined || server.facts === undefined) return [];
  if ([client, server].some(({ failure }) => failure !== undefined && failure.by !== 'transport')) return [];
  const isWriteOnly = ending === 'write only';
  const [length, backwards] = [sum(up), sum(down)];
  const problems: Breach[] = [];
  const check = (what: string, side: SideOutcome, expected: number, end: string | undefined): void => {
    const whole = `${expected} bytes, ${end}`;
    const actual = `${side.received} bytes${side.isIntact ? '' : ', altered'}, ${end === undefined ? end : side.end}`;
    if (actual !== whole) problems.push({ what, expected: whole, actual });
  };
  const end = isPolite(ending) || isWriteOnly ? 'clean' : undefined;
  check('law: all that the client sends arrives', server, length, end);
  check('law: all that the server sends arrives', client, backwards, isWriteOnly ? undefined : end);
  return problems;
}

/** What was cut off is no end (RFC 9846 §6.1). */
function truthAboutEnds(
  { traffic }: Connection,
  side: 'client' | 'server',
  { end }: SideOutcome,
): readonly Breach[] {
  if (isPolite(traffic.ending) || traffic.ending === 'write only' || end !== 'clean') return [];
  return [{ what: `law: the ${side} takes no cut for an end`, expected: 'cut', actual: 'clean' }];
}

/** What is told about a certificate is what is wrong with it. */
function rightReason(
  connection: Connection,
  side: 'client' | 'server',
  outcome: ConnectionOutcome,
): readonly Breach[] {
  const { failure } = outcome[side];
  if (failure?.by !== 'us' || failure.alert === undefined || !certificateAlerts.has(failure.alert)) return [];
  const right = alertsFor(side, connection);
  if (right.includes(failure.alert)) return [];
  const expected = right.join(' or ') || 'no reason to refuse';
  return [
    { what: `law: the ${side} says what is wrong with a certificate`, expected, actual: failure.alert },
  ];
}

/** Alerts about certificates, but for the one about a missing one. */
export const certificateAlerts: ReadonlySet<string> = new Set([
  'bad_certificate',
  'unsupported_certificate',
  'certificate_expired',
  'unknown_ca',
]);

/** The alerts for all that is wrong with the certificate that this side has to judge; none where nothing is. */
export function alertsFor(side: 'client' | 'server', { client, server }: Connection): readonly string[] {
  const shown = side === 'client' ? certificateFor(server, client.serverName) : client.certificate;
  if (shown === undefined) return [];
  const { trusts } = side === 'client' ? client : server;
  const host = client.host.toLowerCase().replace(/\.$/, '');
  const isNamed = side === 'server' || shown.names.some((name) => matches(name, host));
  return [
    ...(isNamed ? [] : ['bad_certificate']),
    ...(trusts.includes(shown.issuer) && shown.chain !== 'withheld' ? [] : ['unknown_ca']),
    ...(shown.validity === 'valid' ? [] : ['certificate_expired']),
    ...(shown.usage === 'right' ? [] : ['unsupported_certificate']),
  ];
}

/** Who is refused reads why (RFC 9846 §6.2), if it reads at all. */
function reasonTold(
  { traffic }: Connection,
  side: 'client' | 'server',
  { client, server }: ConnectionOutcome,
): readonly Breach[] {
  if (traffic.ending === 'write only') return [];
  const [own, other] = side === 'client' ? [client, server] : [server, client];
  if (own.failure?.by !== 'us' || other.failure?.by === 'peer') return [];
  const { alert = own.failure.text } = own.failure;
  return [{ what: `law: the ${side} says why it refuses`, expected: alert, actual: 'nothing' }];
}

/** Nobody is a server but with a certificate that is valid, trusted and for the name (RFC 5280 §6, RFC 9525). */
function serverIsRight(
  { client, server }: Connection,
  previous: Connection | undefined,
  outcome: ConnectionOutcome,
): readonly Breach[] {
  const { facts } = outcome.client;
  if (facts === undefined) return [];
  // Who has resumed has seen it before.
  const certificates = [
    ...server.certificates,
    ...(facts.resumed ? (previous?.server.certificates ?? []) : []),
  ];
  const shown = certificates.find((one) => certificateName(one) === facts.peer);
  const host = client.host.toLowerCase().replace(/\.$/, '');
  const isNamed = shown?.names.some((name) => matches(name, host)) ?? false;
  if (shown !== undefined && isNamed && isAcceptable(shown, client.trusts)) return [];
  return [
    {
      what: 'law: the client verifies the server',
      expected: `refused`,
      actual: `connected to ${facts.peer}`,
    },
  ];
}

/** Nobody is a client but with a certificate that is valid and trusted, or without one where that is allowed. */
function clientIsRight(
  { client, server }: Connection,
  previous: Connection | undefined,
  outcome: ConnectionOutcome,
): readonly Breach[] {
  const { facts } = outcome.server;
  if (facts === undefined) return [];
  const { clientAuthentication, trusts } = server;
  // Who is resumed has shown it before.
  const shown = [client.certificate, ...(facts.resumed ? [previous?.client.certificate] : [])];
  const certificate = shown.find((one) => one !== undefined && certificateName(one) === facts.peer);
  const isAllowed =
    facts.peer === undefined
      ? clientAuthentication !== 'require'
      : clientAuthentication !== 'none' && certificate !== undefined && isAcceptable(certificate, trusts);
  if (isAllowed) return [];
  const actual = `${facts.peer ?? 'nobody'} is in`;
  return [{ what: 'law: the server verifies the client', expected: clientAuthentication, actual }];
}

/** A client resumes what it has verified under the same name, the same trust and its own same identity. */
function sameServer(
  connection: Connection,
  previous: Connection | undefined,
  { client: side }: ConnectionOutcome,
): readonly Breach[] {
  if (side.facts?.resumed !== true) return [];
  const [expected, actual] = [scopeOf(previous), scopeOf(connection)];
  return expected === actual
    ? []
    : [{ what: 'law: a client resumes under the same conditions', expected, actual }];
}

/** A server resumes under the same identity and the same rules for clients (CVE-2025-23419). */
function samePolicy(
  connection: Connection,
  previous: Connection | undefined,
  { server: side }: ConnectionOutcome,
): readonly Breach[] {
  if (side.facts?.resumed !== true) return [];
  const [expected, actual] = [policyOf(previous), policyOf(connection)];
  return expected === actual
    ? []
    : [{ what: 'law: a server resumes under the same policy', expected, actual }];
}

/** What a client's sessions belong to. */
export function scopeOf(connection: Connection | undefined): string {
  if (connection === undefined) return 'nothing';
  const { host, serverName, trusts, certificate } = connection.client;
  const shown = certificate && canSign(certificate, connection.client) ? certificate : undefined;
  return JSON.stringify([host, serverName, trusts, shown]);
}

/** What a server's sessions belong to. */
export function policyOf(connection: Connection | undefined): string {
  if (connection === undefined) return 'nothing';
  const { client, server } = connection;
  const { clientAuthentication, trusts } = server;
  const isNobody =
    server.refusesUnknownNames &&
    client.serverName !== '' &&
    namedFor(server, client.serverName) === undefined;
  const certificate = isNobody ? 'nobody' : certificateName(certificateFor(server, client.serverName));
  const version = commonVersion(connection);
  // Those of TLS 1.2 belong to a name too (RFC 6066 §3).
  const name = version === 'TLSv1.2' ? client.serverName.toLowerCase().replace(/\.$/, '') : undefined;
  const trusted = clientAuthentication === 'none' ? [] : trusts;
  return JSON.stringify([certificate, clientAuthentication, trusted, version, name]);
}

/** The certificate for a name: an exact one before a wildcard, the first one for all others. */
export function certificateFor(server: ServerChoice, serverName: string): CertificateChoice {
  return namedFor(server, serverName) ?? server.certificates[0]!;
}

function namedFor({ certificates }: ServerChoice, serverName: string): CertificateChoice | undefined {
  const host = serverName.toLowerCase().replace(/\.$/, '');
  return (
    certificates.find(({ names }) => names.includes(host)) ??
    certificates.find(({ names }) => names.some((name) => matches(name, host)))
  );
}

export function matches(name: string, host: string): boolean {
  return name === host || (name.startsWith('*.') && host.replace(/^[^.]+/, '*') === name);
}

/** Whether all is as it should be with a certificate but for its names. */
export function isAcceptable(
  { issuer, chain, validity, usage }: CertificateChoice,
  trusts: readonly string[],
): boolean {
  return trusts.includes(issuer) && chain !== 'withheld' && validity === 'valid' && usage === 'right';
}
