/*
 * The inputs that the corpus begins with: flights that Tacit made in every scenario, flights of the connections with
 * OpenSSL that are recorded, and with the peers that are installed; their messages; certificates, lists and responses.
 */

import { concatBytes, utf8 } from '../src/base/bytes.ts';
import { type Rehearsal, type Side, sides } from '../test/hostile/support/rehearsal.ts';
import { nameOfMessage, structureOf, withContent } from '../test/hostile/support/structure.ts';
import { decrypted, traffic } from '../test/recorded/traffic.ts';
import {
  type CertificateOptions,
  clientCertificate,
  extension,
  intermediateCertificate,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  type TestCertificate,
} from '../test/support/certificates.ts';
import { crlExtension, crlPem, issuingDistributionPoint, makeCrl, reason } from '../test/support/crl.ts';
import { der, sequence } from '../test/support/der.ts';
import { errorResponse, makeOcspResponse, revoked, unknown } from '../test/support/ocsp.ts';
import type { PlainRecord } from '../test/support/plain-records.ts';
import { statuses, wholeCertificate, wholeResponse, wholeRevocationList } from '../test/support/whole-der.ts';
import { ed25519, intermediate, leaf, responder, root } from './support/authorities.ts';
import { allRehearsals, allRepairs, isLate, writeFlight } from './support/flight.ts';
import { structureOrNone } from './support/message-mutations.ts';
import { actions, notationOf, writeNotation } from './support/notation.ts';
import { writeParts } from './support/parts.ts';
import type { TargetName } from './target-names.ts';
import { argumentSeeds } from './targets/arguments.ts';
import { ticketSeeds } from './targets/tickets.ts';

/** Inputs by name. */
export type Seeds = Readonly<Record<string, Uint8Array>>;
type Inputs = readonly Uint8Array[];

/** What a peer said, by the peer's name. */
export type PeerFlights = Readonly<Record<string, readonly PlainRecord[]>>;

/** @param peers what the peers said that are installed: flights of clients and of servers */
export async function seeds(
  peers: Readonly<Record<Side, PeerFlights>>,
): Promise<Readonly<Record<TargetName, Seeds>>> {
  const rehearsals = await allRehearsals();
  const recorded = traffic.map((connection) => ({ name: connection.name, ...decrypted(connection) }));
  const flightsOf = (side: Side): Seeds => {
    const heardBy = rehearsals.findIndex(({ scenario }) => scenario.name === 'recorded');
    return Object.fromEntries([
      ...rehearsals.map((rehearsal, i) => [
        nameOf(rehearsal, i),
        flight(i, rehearsal[side].records, mostOf(rehearsal)),
      ]),
      ...(side === 'server' ? Object.entries(forgeries(rehearsals)) : []),
      ...recorded.map((both) => [`OpenSSL, ${both.name}`, flight(heardBy, both[side])]),
      ...Object.entries(peers[side]).map(([name, records]) => [name, flight(0, records)]),
    ]);
  };
  const { certificates, lists, responses } = await pkiSeeds();
  return {
    records: Object.fromEntries(
      rehearsals
        .filter((_, i) => !isLate(i))
        .flatMap((rehearsal, i) =>
          sides.map((side, j) => [
            `${nameOf(rehearsal, 0)}, ${side}`,
            flight(i * 2 + j, rehearsal[side].records, mostOf(rehearsal)),
          ]),
        ),
    ),
    messages: messagesIn([
      ...rehearsals.flatMap((rehearsal) => sides.map((side) => rehearsal[side].records)),
      ...recorded.flatMap(({ client, server }) => [client, server]),
      ...Object.values(peers.client),
      ...Object.values(peers.server),
    ]),
    'client-flight': flightsOf('client'),
    'server-flight': flightsOf('server'),
    tickets: numbered(ticketSeeds()),
    certificate: numbered(certificates),
    chain: numbered([
      writeParts({ options: 0, values: [leaf.der, intermediate.der] }),
      writeParts({ options: 1, values: [leaf.der, intermediate.der, root.der] }),
      writeParts({ options: 1, values: [leaf.der, intermediate.der] }),
      writeParts({ options: 3, values: [leaf.der, intermediate.der] }),
      writeParts({ options: 1, values: [leaf.der, root.der, intermediate.der, responder.der] }),
      ...certificates.map((one) => writeParts({ options: 1, values: [one, intermediate.der] })),
    ]),
    crl: numbered(lists.map((list, i) => writeParts({ options: i % 2, values: [list] }))),
    ocsp: numbered(
      responses.flatMap((response) => [0, 3].map((options) => writeParts({ options, values: [response] }))),
    ),
    pem: numbered(pemSeeds(certificates, lists)),
    arguments: numbered(argumentSeeds),
  };
}

/** Flights of servers of TLS 1.2 that a client must refuse, and that chance hardly makes: for ServerHello alone. */
function forgeries(rehearsals: readonly Rehearsal[]): Seeds {
  const altered = (scenario: string, change: (hello: Uint8Array) => Uint8Array): Uint8Array => {
    const place = rehearsals.findIndex((one) => one.scenario.name === scenario);
    const records = rehearsals[place]!.server.records.map((record) => ({
      ...record,
      units: record.units.map((unit) =>
        unit.type === 'handshake' && unit.content[0] === 2
          ? { ...unit, content: change(unit.content) }
          : unit,
      ),
    }));
    return flight(place, records);
  };
  return {
    'a session without its extended master secret': altered('tls12Resumed', withoutExtendedMasterSecret),
    'brought down from TLS 1.3': altered('tls12', (hello) =>
      concatBytes(hello.subarray(0, 30), utf8('DOWNGRD'), Uint8Array.of(1), hello.subarray(38)),
    ),
  };
}

function withoutExtendedMasterSecret(hello: Uint8Array): Uint8Array {
  const { blocks, extensions } = structureOf(hello, 'TLSv1.2');
  const others = extensions.filter(({ code }) => code !== 23);
  return withContent(
    hello,
    blocks[0]!,
    concatBytes(...others.map(({ start, end }) => hello.slice(start, end))),
  );
}

function nameOf({ scenario }: Rehearsal, place: number): string {
  return `Tacit, ${scenario.name}${isLate(place) ? ', late' : ''}`;
}

/** What both sides accept in a record, without the type of its content. */
function mostOf({ scenario }: Rehearsal): number {
  return Math.min(scenario.client.recordSizeLimit, scenario.server.recordSizeLimit) - 1;
}

function numbered(inputs: Inputs): Seeds {
  return Object.fromEntries(inputs.map((input, i) => [`${i}`, input]));
}

/** Each kind of message once that has the same extensions or the same length. */
function messagesIn(flights: readonly (readonly PlainRecord[])[]): Seeds {
  const messages: Record<string, Uint8Array> = {};
  for (const { type, content } of flights.flat().flatMap(({ units }) => units)) {
    if (type !== 'handshake') continue;
    const { extensions = [] } = structureOrNone(content) ?? {};
    const what = extensions.length > 0 ? extensions.map(({ code }) => code).join(' ') : content.length;
    messages[`${nameOfMessage(content)} ${what}`] ??= content;
  }
  return messages;
}

/** With something that the receiver's application does, here and there. */
function flight(scenario: number, records: readonly PlainRecord[], most?: number): Uint8Array {
  const acts = actions
    .filter((action) => action !== 'closeWrite')
    .map((action) => ({ kind: 'action', action }) as const);
  const notation = concatBytes(notationOf({ records }, most), writeNotation(acts));
  return writeFlight({ scenario, flags: allRepairs, chunks: scenario, notation });
}

async function pkiSeeds(): Promise<{ certificates: Inputs; lists: Inputs; responses: Inputs }> {
  const options: readonly CertificateOptions[] = [
    {},
    { key: 'rsa2048' },
    { key: 'p384', names: ['*.example.net', '192.0.2.7'] },
    { extensions: [extension('2.5.29.31', false, points)] },
  ];
  const made: readonly TestCertificate[] = [
    ...(await Promise.all(options.map((one) => serverCertificate(undefined, one)))),
    await clientCertificate(undefined),
    await rootCertificate(),
    await intermediateCertificate(await rootCertificate(), { pathLength: 0 }),
    await selfSignedCertificate({ extensions: [extension('2.5.29.30', true, constraints)] }),
  ];
  const signature = ed25519;
  const lists = [
    wholeRevocationList(),
    makeCrl(intermediate, { signature }),
    makeCrl(intermediate, { signature, revoked: [leaf] }),
    makeCrl(intermediate, {
      signature,
      revoked: [{ certificate: responder, extensions: [reason(1)] }],
      extensions: [issuingDistributionPoint(der(0x81, Uint8Array.of(0xff)))],
    }),
    makeCrl(root, { signature, extensions: [crlExtension('2.5.29.35', false, sequence())] }),
  ];
  const responses = [
    ...Object.values(statuses).map((status) => wholeResponse({ status })),
    makeOcspResponse(leaf, intermediate, { signature }),
    makeOcspResponse(leaf, intermediate, {
      signature,
      responderId: 'byKey',
      hash: 'sha256',
      nextUpdate: 'absent',
    }),
    makeOcspResponse(leaf, intermediate, { signature, responder }),
    makeOcspResponse(leaf, intermediate, { signature, status: revoked(new Date('2026-05-01T00:00:00Z'), 4) }),
    makeOcspResponse(leaf, intermediate, { signature, status: unknown }),
    errorResponse(3),
  ];
  const ours = [root, intermediate, leaf, responder];
  return {
    certificates: [...ours, ...made].map((one) => one.der).concat([wholeCertificate()]),
    lists,
    responses,
  };
}

const uri = der(0x86, utf8('http://crl.example.org/1.crl'));
const points = sequence(sequence(der(0xa0, der(0xa0, uri))));
const constraints = sequence(
  der(0xa0, sequence(der(0x82, utf8('example.org')))),
  der(0xa1, sequence(der(0x87, Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0)))),
);

function pemSeeds(certificates: Inputs, lists: Inputs): Inputs {
  const block = (label: string, bytes: Uint8Array): string =>
    `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label}-----\n`;
  const key = leaf.keyPem;
  return [
    leaf.pem,
    leaf.pem + intermediate.pem,
    leaf.pem + key,
    key,
    `subject=CN=leaf\r\n${leaf.pem.replaceAll('\n', '\r\n')}`,
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${key}`,
    crlPem(lists[1]!),
    // One and two bytes in the last group.
    block('CERTIFICATE', certificates[0]!.subarray(0, 100)),
    block('X509 CRL', certificates[0]!.subarray(0, 101)),
    block('ENCRYPTED PRIVATE KEY', certificates[0]!.subarray(0, 48)),
    '/etc/ssl/certs/ca.pem',
  ].map(utf8);
}
