import type { TestKeyType } from '../support/certificates.ts';
import { type Difference, verdictOf } from './compare.ts';
import { alertsFor, certificateAlerts, certificateFor, policyOf, scopeOf } from './laws.ts';
import { type Connection, commonVersion, isPolite, type ServerChoice } from './scenario.ts';

/** Why Tacit and `node:tls` may differ, each for a reason that is known. */
export interface Explanation {
  readonly id: string;
  readonly section: string;
  readonly why: string;
  readonly applies: (difference: Difference) => boolean;
}

/** Every known reason. One that never applies in a long run is none. */
export const explanations: readonly Explanation[] = [
  {
    id: 'certificates are refused with an alert',
    section: 'RFC 9846 §4.5.2, §6.2',
    why: 'node:tls looks at the verdict on a certificate, and at its names, behind the handshake, and drops the connection without a word: the peer does not learn why.',
    applies: (difference) => {
      const { pair, what, expected, actual } = difference;
      const side = refusingSide(difference);
      return (
        what === 'told' && expected === 'nothing' && pair[side] === 'tacit' && certificateAlerts.has(actual)
      );
    },
  },
  {
    id: 'of two reasons one is told',
    section: 'RFC 9846 §6.2',
    why: 'A hello or a certificate with which several things are wrong is refused for the one that is looked at first, and which that is RFC 9846 leaves open.',
    applies: (difference) => {
      const { what, expected, actual, connection } = difference;
      const side = refusingSide(difference);
      const isSameSide = [expected, actual].every((text) => text.startsWith(`${side} refuses: `));
      const reasons = [
        ...alertsFor(side, connection),
        ...(side === 'server' ? alertsForHello(connection) : []),
      ];
      return what === 'verdict' && isSameSide && reasons.length > 1;
    },
  },
  {
    id: 'unknown names are refused with an alert',
    section: 'RFC 6066 §3',
    why: 'An SNICallback of node:tls that gives an error has the socket destroyed; unrecognized_name is what there is for it.',
    applies: ({ pair, what, expected, actual }) =>
      what === 'told' && expected === 'nothing' && actual === 'unrecognized_name' && pair.server === 'tacit',
  },
  {
    id: 'alerts that node:tls loses',
    section: 'RFC 9846 §6.2, RFC 9293 §3.6.1',
    why: 'Its server destroys the connection with the alert that refuses a client: over TCP a reset may overtake it, where the client was writing, and over a Duplex it is not even written behind a write that is under way.',
    applies: ({ pair, what, expected, actual, ...difference }) =>
      what === 'told' &&
      ((expected === 'nothing' && actual === 'certificate_required') ||
        // Of TLS 1.2, where the curve of a client's key is none of the server's.
        (expected === 'nothing' && actual === 'illegal_parameter' && hasForeignCurve(difference)) ||
        (expected === 'certificate_required' && actual === 'nothing' && pair.server === 'node')),
  },
  {
    id: 'a close_notify that node:tls loses',
    section: 'RFC 9846 §6.1',
    why: 'Where a write of TLS itself (tickets, the answer to a KeyUpdate) is under way when node:tls ends, its FIN leaves without close_notify: to node:tls that is an end, to Tacit it is none.',
    applies: ({ pair, connection: { traffic }, what, expected, actual, outcome }) => {
      const loser = pair.client === 'node' ? 'client' : 'server';
      const reader = loser === 'client' ? 'server' : 'client';
      const writesItself = loser === 'server' || traffic.updates.down.length > 0;
      const isMixed = pair[loser] === 'node' && pair[reader] === 'tacit';
      // What the reader makes of it, it then does itself.
      const isAboutEnds =
        /received by|law: all that/.test(what) && actual === expected.replace(/clean$/, 'cut');
      return (
        isMixed && isPolite(traffic.ending) && writesItself && outcome[reader].end === 'cut' && isAboutEnds
      );
    },
  },
  {
    id: 'the server is known after a resumption too',
    section: 'RFC 9846 §2.2',
    why: 'A client of node:tls has no certificate of the server in a resumed connection; a session of Tacit keeps the chain that was verified.',
    applies: ({ pair, what, expected, outcome }) =>
      pair.client === 'tacit' &&
      what === 'certificate of the server' &&
      expected === 'none' &&
      outcome.client.facts?.resumed === true,
  },
  {
    id: 'names without the dot of the root, and in lower case',
    section: 'RFC 6066 §3',
    why: 'A client of Tacit leaves the dot out, which has no place in server_name; a server of Tacit gives names as they are compared.',
    applies: ({ what, expected, actual }) =>
      what === 'serverName' && asCompared(expected) === asCompared(actual) && expected !== actual,
  },
  {
    id: 'a certificate that is not trusted is refused also where none would do',
    section: 'RFC 9846 §4.5.1.3',
    why: 'Who shows a certificate claims to be somebody; node:tls lets the claim stand as unauthorized where rejectUnauthorized is off.',
    applies: ({ pair, connection, what, expected, actual }) =>
      pair.server === 'tacit' &&
      what === 'verdict' &&
      connection.server.clientAuthentication === 'request' &&
      alertsFor('server', connection).length > 0 &&
      expected === 'connected' &&
      actual.startsWith('server refuses: '),
  },
  {
    id: 'a client resumes what it has verified',
    section: 'RFC 9846 §4.7.1',
    why: 'Under another name, other trust or another identity of its own, a client of Tacit offers no session: node:tls resumes whatever it is given, and verifies no name then.',
    applies: (difference) =>
      difference.pair.client === 'tacit' &&
      resumesLess(difference) &&
      scopeOf(difference.previous) !== scopeOf(difference.connection),
  },
  {
    id: 'a server resumes under the policy that a session was made under',
    section: 'RFC 9846 §4.3.11, CVE-2025-23419',
    why: 'Another identity, other trust or another mode of client authentication means a full handshake: node:tls resumes across them, and lets in who has never shown the certificate that it now requires.',
    applies: (difference) =>
      difference.pair.server === 'tacit' &&
      resumesLess(difference) &&
      policyOf(difference.previous) !== policyOf(difference.connection),
  },
  {
    id: 'a session goes with a cipher suite that is offered',
    section: 'RFC 9846 §4.7.1, RFC 5246 §7.4.1.2',
    why: 'The same hash would do, and does for OpenSSL, which in TLS 1.2 resumes even what its server takes no new connections with. A client of Tacit that does not take the suite of a session any more does not offer it, and a server does not resume it.',
    applies: (difference) => {
      const { pair, connection, previous } = difference;
      const lacks = ({ suites }: { readonly suites: readonly string[] }): boolean =>
        !suites.some((suite) => suite === suiteOf(previous));
      const isGone =
        (pair.client === 'tacit' && lacks(connection.client)) ||
        (pair.server === 'tacit' && isTls12(difference) && lacks(connection.server));
      return resumesLess(difference) && isGone;
    },
  },
  {
    id: 'a session of TLS 1.2 without its cipher suite',
    section: 'RFC 5246 §7.4.1.2',
    why: 'OpenSSL refuses a hello that offers a session, but not the cipher suite of it. A client of Tacit offers no such session, and to a server of Tacit it is a reason for a full handshake.',
    applies: (difference) =>
      isTls12(difference) &&
      difference.what === 'verdict' &&
      difference.expected === 'server refuses: illegal_parameter' &&
      !difference.connection.client.suites.some((suite) => suite === suiteOf(difference.previous)),
  },
  {
    id: 'in TLS 1.2 each judges when it hears',
    section: 'RFC 5246 §7.4.2, §7.4.6',
    why: 'Where both sides have something against the other, Tacit says so before it answers; a client of node:tls shows its own certificate, and has it judged, before it looks at the verdict on that of the server.',
    applies: (difference) => {
      const { what, expected, actual, connection } = difference;
      const { client, server } = connection;
      const isMissing = server.clientAuthentication === 'require' && client.certificate === undefined;
      const bothRefuse =
        alertsFor('client', connection).length > 0 &&
        (isMissing || alertsFor('server', connection).length > 0 || hasForeignCurve(difference));
      return (
        isTls12(difference) &&
        what === 'verdict' &&
        [expected, actual].every((text) => text.includes(' refuses: ')) &&
        bothRefuse
      );
    },
  },
  {
    id: 'a key that the client cannot use is not shown',
    section: 'RFC 9846 §4.5.1.2, RFC 5246 §7.4.2',
    why: 'Where the certificate for a name goes with none of the common cipher suites, curves and schemes, or is signed with none of them, a server of Tacit shows another one of its own, if there is any.',
    applies: (difference) =>
      difference.pair.server === 'tacit' &&
      difference.connection.server.certificates.length > 1 &&
      (difference.connection.client.schemes !== undefined ||
        (isTls12(difference) &&
          verdictOf(difference.reference).text === 'server refuses: handshake_failure')),
  },
  {
    id: 'no certificate, in the words of TLS 1.2',
    section: 'RFC 5246 §7.4.6',
    why: 'To TLS 1.2 a client without a certificate is a handshake_failure; certificate_required came with TLS 1.3.',
    applies: (difference) => {
      const { what, expected, actual, connection } = difference;
      const words = ['handshake_failure', 'certificate_required'];
      return (
        isTls12(difference) &&
        (what === 'verdict' || what === 'told') &&
        [expected, actual].every((text) => words.includes(text.replace('server refuses: ', ''))) &&
        connection.server.clientAuthentication === 'require'
      );
    },
  },
  {
    id: 'the name of a resumed connection',
    section: 'RFC 6066 §3',
    why: 'A server of node:tls has no name in a resumed connection of TLS 1.2; to one of Tacit the session is bound to it.',
    applies: (difference) =>
      isTls12(difference) &&
      difference.what === 'serverName' &&
      (difference.expected === 'none'
        ? difference.reference.server.facts?.resumed === true
        : difference.pair.server === 'node' && difference.outcome.server.facts?.resumed === true),
  },
  {
    id: 'a client has its key on any curve',
    section: 'RFC 8422 §5.5',
    why: "In TLS 1.2 OpenSSL takes a client's key on none but the curves that both exchange keys on; a server of Tacit, which has named none to its client, takes one on any that its schemes name.",
    applies: (difference) =>
      isTls12(difference) &&
      difference.pair.server === 'tacit' &&
      difference.what === 'verdict' &&
      difference.expected === 'server refuses: illegal_parameter' &&
      hasForeignCurve(difference),
  },
  {
    id: 'a key on a curve signs with the scheme of that curve',
    section: 'RFC 9846 §4.3.3',
    why: 'In TLS 1.2 a scheme of ECDSA names a hash, and OpenSSL signs with it whatever its curve is; Tacit signs with the one of the curve, and has no signature where the peer does not take that.',
    applies: (difference) => {
      const { pair, what, expected, connection } = difference;
      const signers = (['client', 'server'] as const).filter((side) => pair[side] === 'tacit');
      return (
        isTls12(difference) &&
        ['verdict', 'authorized', 'certificate of the client'].includes(what) &&
        expected !== 'none' &&
        signers.some((side) => cannotSignAsItsCurve(side, connection))
      );
    },
  },
  {
    id: 'tickets ride on writes',
    section: 'RFC 9846 §4.7.1',
    why: 'A server of Tacit that has written nothing before its end has given no ticket; node:tls gives two unasked, which may or may not be read.',
    applies: (difference) => {
      const { previous, pair } = difference;
      // Behind the client's end they leave with close_notify.
      const mayLeave =
        previous === undefined ||
        previous.traffic.down.length > 0 ||
        previous.traffic.ending === 'client first';
      return !mayLeave && (resumesMore(difference) || (pair.server === 'tacit' && resumesLess(difference)));
    },
  },
  {
    id: 'who reads nothing loses data to tickets',
    section: 'RFC 9293 §3.6.1',
    why: 'The tickets that node:tls writes unasked are unread when such a client closes: the reset destroys what it has sent, mostly without an error. It is what Tacit is for.',
    applies: ({ pair, connection, what }) =>
      connection.traffic.ending === 'write only' &&
      ((what === 'law: all that the client sends arrives' &&
        pair.server === 'node' &&
        pair.client === 'node') ||
        (what === 'received by the server' && !(pair.server === 'node' && pair.client === 'node'))),
  },
  {
    id: 'ALPN and sessions behind a HelloRetryRequest',
    section: 'RFC 7301 §3.2',
    why: 'Where the SNICallback of node:tls has found a context and a HelloRetryRequest has been sent, its server neither chooses a protocol nor refuses for the lack of one, and resumes nothing.',
    applies: (difference) => {
      const { what, connection, actual, expected } = difference;
      if (!hasContexts(connection.server) || connection.client.serverName === '' || !isRetried(difference))
        return false;
      const isAboutAlpn =
        what === 'alpn' || [expected, actual].includes('server refuses: no_application_protocol');
      return isAboutAlpn || resumesMore(difference) || findsContextWithoutDot(difference);
    },
  },
  {
    id: 'certificates of two kinds of keys',
    section: 'RFC 6066 §3',
    why: 'node:tls adds the certificate of a name to that of the default, where one of the same kind is replaced: of others, that of the default may go to a client that asked for somebody else.',
    applies: ({ connection: { client, server }, pair, what }) =>
      (pair.server === 'tacit'
        ? ['verdict', 'told', 'certificate of the server'].includes(what)
        : what === 'law: the client says what is wrong with a certificate') &&
      slotOf(certificateFor(server, client.serverName)) !== slotOf(server.certificates[0]!),
  },
  {
    id: 'the chain of the default',
    section: 'RFC 9846 §4.5.1',
    why: 'Where the certificate of a name comes without a chain, node:tls leaves that of the default in its place.',
    applies: ({ connection: { client, server }, pair, what }) =>
      (pair.server === 'node'
        ? what === 'law: the client verifies the server'
        : what === 'verdict' || what === 'told') &&
      certificateFor(server, client.serverName).chain === 'withheld' &&
      server.certificates[0]!.chain === 'intermediate',
  },
  {
    id: 'a cut is no end',
    section: 'RFC 9846 §6.1',
    why: 'node:tls takes the end of a transport without close_notify for an end.',
    applies: (difference) =>
      isCut(difference) &&
      difference.pair[receiverIn(difference)] === 'tacit' &&
      difference.actual.endsWith('cut'),
  },
  {
    id: 'destroy() is a reset',
    section: 'RFC 9846 §6.1',
    why: 'What node:tls destroys looks like an end to node:tls; destroy() of Tacit resets the connection, which mostly is an error to everybody (Node 20 and 22 report some resets as an end).',
    applies: (difference) => {
      const { pair, connection } = difference;
      const receiver = receiverIn(difference);
      const other = receiver === 'client' ? 'server' : 'client';
      return (
        isCut(difference) && pair[receiver] === 'node' && connection.traffic.ending === `${other} destroys`
      );
    },
  },
];

/** The reasons for a difference; none where it is not understood. */
export function explain(difference: Difference): readonly Explanation[] {
  return explanations.filter(({ applies }) => applies(difference));
}

function refusingSide({ outcome }: Difference): 'client' | 'server' {
  return outcome.client.failure?.by === 'us' ? 'client' : 'server';
}

function asCompared(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** The alerts for what a server cannot agree on with a client. */
function alertsForHello({ client, server }: Pick<Connection, 'client' | 'server'>): readonly string[] {
  const isDisjoint = (one: readonly string[], other: readonly string[]): boolean =>
    !one.some((name) => other.includes(name));
  const lacksProtocol =
    client.alpn.length > 0 && server.alpn.length > 0 && isDisjoint(client.alpn, server.alpn);
  return [
    ...(suiteOf({ client, server }) === undefined ? ['handshake_failure'] : []),
    ...(isDisjoint(client.groups, server.groups) ? ['handshake_failure'] : []),
    ...(lacksProtocol ? ['no_application_protocol'] : []),
  ];
}

/** Two `node:tls` resume where this pair does not; where they are refused without it, that is what is seen of it. */
function resumesLess({ what, expected, reference }: Difference): boolean {
  if (what === 'resumed') return expected === 'true';
  return what === 'verdict' && reference.client.facts?.resumed === true;
}

function resumesMore({ what, expected, outcome, reference }: Difference): boolean {
  if (what === 'resumed') return expected === 'false';
  return (
    what === 'verdict' && outcome.client.facts?.resumed === true && reference.client.facts?.resumed !== true
  );
}

/** Without the dot, as a client of Tacit sends a name, it has a context of its own; with it, the default's serves. */
function findsContextWithoutDot({ pair, what, expected, connection }: Difference): boolean {
  const isDotted = connection.client.serverName.endsWith('.');
  return (
    isDotted && pair.client === 'tacit' && pair.server === 'node' && what === 'resumed' && expected === 'true'
  );
}

/** The first one of the server that the client offers, and that goes with its key where that matters. */
function suiteOf(connection: Pick<Connection, 'client' | 'server'> | undefined): string | undefined {
  if (connection === undefined) return undefined;
  const { client, server } = connection;
  const isRsa = certificateFor(server, client.serverName).key.startsWith('rsa');
  const prefix =
    commonVersion(connection) === 'TLSv1.3'
      ? /^TLS_(?!ECDHE)/
      : isRsa
        ? /^TLS_ECDHE_RSA/
        : /^TLS_ECDHE_ECDSA/;
  return server.suites.find((suite) => client.suites.includes(suite) && prefix.test(suite));
}

/** Whether a client shows a key on a curve that is none of the server's groups, or of its own. */
function hasForeignCurve({ connection: { client, server } }: Pick<Difference, 'connection'>): boolean {
  const curve = curveOf(client.certificate?.key);
  return (
    curve !== undefined && [client, server].some(({ groups }) => !groups.some((group) => group === curve))
  );
}

/** Whether the other side does not take the scheme that the curve of a key is named in. */
function cannotSignAsItsCurve(side: 'client' | 'server', { client, server }: Connection): boolean {
  const certificate = side === 'server' ? certificateFor(server, client.serverName) : client.certificate;
  const curve = curveOf(certificate?.key);
  // Its own schemes bind it as well.
  return (
    curve !== undefined &&
    [client, server].some(
      ({ schemes }) => schemes?.some((scheme) => scheme.startsWith(`ecdsa_${curve}`)) === false,
    )
  );
}

function isTls12({ connection }: Difference): boolean {
  return commonVersion(connection) === 'TLSv1.2';
}

/** The group that is the curve of a key. */
function curveOf(key: TestKeyType | undefined): string | undefined {
  return key && /^p\d/.test(key) ? `sec${key}r1` : undefined;
}

/** Whether the callback that chooses a certificate runs. */
function hasContexts({ certificates, refusesUnknownNames }: ServerChoice): boolean {
  return certificates.length > 1 || refusesUnknownNames;
}

/** The connection itself, or the one that the session is from. */
function isRetried({ connection, previous }: Difference): boolean {
  return [connection, previous].some(
    (one) => one !== undefined && !one.server.groups.includes(one.client.groups[0]!),
  );
}

/** OpenSSL keeps one certificate of each kind. */
function slotOf({ key }: { readonly key: string }): string {
  return /^p\d/.test(key) ? 'ec' : key;
}

function isCut({ connection, what, expected, actual }: Difference): boolean {
  const { ending } = connection.traffic;
  const sameBytes = expected.split(',')[0] === actual.split(',')[0];
  return what.startsWith('received by') && sameBytes && !isPolite(ending) && ending !== 'write only';
}

function receiverIn({ what }: Difference): 'client' | 'server' {
  return what === 'received by the client' ? 'client' : 'server';
}
