import { createPublicKey, verify } from 'node:crypto';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { certificateVerifyContent } from '../../src/handshake/authentication.ts';
import { finishedVerifyData } from '../../src/keys/key-schedule.ts';
import { tls12VerifyData } from '../../src/keys/tls12-key-schedule.ts';
import type { ClientSession } from '../../src/sessions/client-session.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { identityKeys } from '../../test/hostile/support/identities.ts';
import type { Side } from '../../test/hostile/support/rehearsal.ts';
import { structureOf } from '../../test/hostile/support/structure.ts';
import { demand } from '../engine/target.ts';
import type { Counterpart, Tls12Secrets } from './counterpart.ts';

const publicKeys = {
  client: createPublicKey(identityKeys.client),
  server: createPublicKey(identityKeys.server),
};

/** Whoever is said to be there has proved it: a signature of the right key, or a PSK, and Finished over the very same messages. */
export function demandAuthentication(
  counterpart: Counterpart,
  side: Side,
  session: ClientSession | undefined,
): void {
  if (counterpart.tls12) {
    demandTls12Authentication(counterpart, counterpart.tls12, side, session);
    return;
  }
  const { messages, suite, handshakeSecret, victim } = counterpart;
  const info = victim.connection.handshakeInfo;
  if (!info || !suite || !handshakeSecret) throw new Error('it is established without keys');
  const place = (type: number): number =>
    messages.findIndex(({ by, message }) => by === 'counterpart' && message[0] === type);
  const finished = place(handshakeTypes.finished);
  demand(finished !== -1, 'established without Finished');
  // Said ahead of what it answers, which a late server had not said yet: in which order it was taken is not known here.
  const begun = messages.findIndex(
    ({ by, message }) => by === 'counterpart' && message[0] !== handshakeTypes.client_hello,
  );
  if (side === 'client' && messages.slice(begun).some(({ by }) => by === 'victim')) return;
  const covered = counterpart.transcriptHash(finished, suite.hash);
  demand(
    equalBytes(
      messages[finished]!.message.subarray(4),
      finishedVerifyData(nodeCrypto, suite.hash, handshakeSecret, covered),
    ),
    'established with a Finished that does not verify',
  );
  if (info.resumed) {
    demand(session !== undefined, 'resumed without a session');
    if (side === 'client') demandBinder(counterpart);
    return;
  }
  const isNamed =
    side === 'server' || info.peerCertificates.length > 0 || info.peerRawPublicKey !== undefined;
  if (!isNamed) return;
  const verification = place(handshakeTypes.certificate_verify);
  demand(verification !== -1, 'a peer is named that has signed nothing');
  const signed = certificateVerifyContent(side, counterpart.transcriptHash(verification, suite.hash));
  const signature = messages[verification]!.message.subarray(8);
  demand(
    verify(null, signed, publicKeys[side], signature),
    'a peer is named whose signature does not verify',
  );
}

/** One of the binders of the last ClientHello has to be right. */
function demandBinder(counterpart: Counterpart): void {
  const { messages } = counterpart;
  const place = messages.findLastIndex(({ message }) => message[0] === handshakeTypes.client_hello);
  const { message } = messages[place]!;
  const binder = counterpart.binderFor(message, place);
  const isThere = binder !== undefined && Buffer.from(message).includes(Buffer.from(binder));
  demand(isThere, 'resumed with a binder that does not verify');
}

/** The same for TLS 1.2: Finished under the master secret, the key exchange signed, or a session that both know. */
function demandTls12Authentication(
  counterpart: Counterpart,
  { suite, masterSecret, changeCipherSpecs }: Tls12Secrets,
  side: Side,
  session: ClientSession | undefined,
): void {
  const { messages, victim } = counterpart;
  const info = victim.connection.handshakeInfo;
  if (!info || !masterSecret) throw new Error('it is established without secrets');
  demand(info.protocolVersion === 'TLSv1.2', 'keys of TLS 1.2 in another version');
  const said = (type: number): number =>
    messages.findIndex(({ by, message }) => by === 'counterpart' && message[0] === type);
  const finished = said(handshakeTypes.finished);
  demand(finished !== -1, 'established without Finished');
  if (isAheadOfAnswers(counterpart, side, info.resumed)) return;
  const covered = counterpart.transcriptHash(finished, suite.hash);
  const expected = tls12VerifyData(nodeCrypto, suite.hash, masterSecret, side, covered);
  demand(
    equalBytes(messages[finished]!.message.subarray(4), expected),
    'established with a Finished that does not verify',
  );
  // Ahead of ServerHello a client may still drop it: it might be one of TLS 1.3.
  const hellos = Math.max(said(handshakeTypes.server_hello), 0);
  const counted = changeCipherSpecs.filter((count) => count > hellos);
  // What a late one says meanwhile is heard behind it.
  const between = messages.slice(counted[0] ?? 0, finished);
  demand(
    counted.length === 1 && between.every(({ by }) => by === 'victim'),
    'established with a change_cipher_spec that is not right ahead of Finished',
  );
  demandHellos(counterpart, side, info.resumed ? session : undefined);
  if (info.resumed) demand(session !== undefined, 'resumed without a session');
  else if (side === 'server') demandKeyExchange(counterpart);
  else if (info.peerCertificates.length > 0) demandVerification(counterpart);
}

/** Whether one has spoken ahead of what the other said late, so that nobody knows in which order it was taken. */
function isAheadOfAnswers({ messages }: Counterpart, side: Side, resumed: boolean): boolean {
  const ending: readonly number[] = [handshakeTypes.new_session_ticket, handshakeTypes.finished];
  const first = messages.findIndex(
    ({ by, message: [type = 0] }) =>
      by === 'counterpart' && (side === 'client' ? type > 1 : ending.includes(type)),
  );
  // Whoever finishes second has not said it late.
  const behind = resumed === (side === 'server') ? ending : [];
  const last = messages.findLastIndex(
    ({ by, message }) => by === 'victim' && !behind.some((type) => type === message[0]),
  );
  return last > first;
}

/** The server answers what was offered, and nothing else; a session comes back as what it was. */
function demandHellos({ messages }: Counterpart, side: Side, session: ClientSession | undefined): void {
  const hello = messages.find(({ message }) => message[0] === handshakeTypes.client_hello)!.message;
  const answer = messages.find(({ message }) => message[0] === handshakeTypes.server_hello)!.message;
  const [offered, answered] = [extensionsOf(hello), extensionsOf(answer)];
  if (side === 'server') {
    const strange = [...answered.keys()].filter((code) => !offered.has(code));
    demand(strange.length === 0, `established with the extensions ${strange.join()}, which were not offered`);
    demand(answered.get(0xff01)?.length === 1, 'established without secure renegotiation');
    const sentinel = Buffer.from(answer.subarray(30, 37)).toString('latin1');
    demand(sentinel !== 'DOWNGRD' || !offered.has(43), 'established though it was brought down from TLS 1.3');
  }
  if (session?.protocolVersion !== 'TLSv1.2') return;
  // RFC 7627 §5.3: all our sessions have it.
  demand(offered.has(23) && answered.has(23), 'a session is resumed without its extended master secret');
  const ticket = offered.get(35);
  demand(ticket !== undefined && equalBytes(ticket, session.ticket), 'resumed by another ticket');
  demand(equalBytes(sessionIdOf(hello), sessionIdOf(answer)), 'resumed without the session ID');
}

function extensionsOf(message: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const { extensions } = structureOf(message, 'TLSv1.2');
  return new Map(extensions.map(({ code, start, end }) => [code, message.slice(start + 4, end)]));
}

function sessionIdOf(message: Uint8Array): Uint8Array {
  return message.subarray(39, 39 + message[38]!);
}

/** RFC 8422 §5.4. */
function demandKeyExchange({ messages }: Counterpart): void {
  const found = messages.find(({ message }) => message[0] === handshakeTypes.server_key_exchange);
  demand(found !== undefined, 'established without a key exchange');
  const [client, server] = [1, 2].map((type) => messages.find(({ message }) => message[0] === type)!.message);
  const end = 8 + found!.message[7]!;
  const signed = concatBytes(
    client!.subarray(6, 38),
    server!.subarray(6, 38),
    found!.message.subarray(4, end),
  );
  demand(
    verify(null, signed, publicKeys.server, found!.message.subarray(end + 4)),
    'a server is named whose key exchange is not signed',
  );
}

/** RFC 5246 §7.4.8. */
function demandVerification({ messages }: Counterpart): void {
  const place = messages.findIndex(({ message }) => message[0] === handshakeTypes.certificate_verify);
  demand(place !== -1, 'a client is named that has signed nothing');
  const signed = concatBytes(...messages.slice(0, place).map(({ message }) => message));
  demand(
    verify(null, signed, publicKeys.client, messages[place]!.message.subarray(8)),
    'a client is named whose signature does not verify',
  );
}
