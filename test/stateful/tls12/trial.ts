import type { AlertName } from '../../../src/base/alerts.ts';
import { equalBytes, toHex, utf8 } from '../../../src/base/bytes.ts';
import type { HandshakeInfo } from '../../../src/connection/events.ts';
import type { ClientSession } from '../../../src/sessions/client-session.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import type { Endpoint } from '../../hostile/support/endpoint.ts';
import { type Verdict, verdictOf } from '../../hostile/support/verdict.ts';
import { describeStep, type Step } from '../support/steps.ts';
import type { Outcome } from '../support/trial.ts';
import { exported } from './crypto.ts';
import { type Connection, type Judgement, judge } from './model.ts';
import { type Performance, perform } from './peer.ts';
import type { Scene } from './scenes.ts';

/**
 * Plays the steps, and holds the victim to what the model says, and to the laws that hold whatever comes.
 * @throws Error with the steps, where it did something else
 */
export function tryOut(scene: Scene, steps: readonly Step[], trickle = false): Outcome {
  try {
    return check(scene, perform(scene, steps, trickle));
  } catch (error) {
    const played = steps.map((step, index) => `${index}. ${describeStep(step)}`).join('\n');
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${scene.victim} in the scene ${scene.name}: ${reason}\n${played}`, { cause: error });
  }
}

function check(scene: Scene, performance: Performance): Outcome {
  const { victim, said, state, outOfTurn } = performance;
  const { before, after } = victim.said();
  const own = [...before, ...after].filter(({ type }) => type === 'handshake').map(({ content }) => content);
  const judgement = judge(scene, said, own, state);
  const verdict = verdictOf(victim, true);
  const connected = victim.established;
  if (judgement.isSilent && verdict.startsWith('received ')) return { verdict, connected };
  if (connected !== (judgement.connection !== undefined))
    throw new Error(
      `it is ${connected ? '' : 'not '}connected (${verdict}), and the model: ${summary(judgement)}`,
    );
  const expected = expectedVerdicts(judgement);
  if (!expected.includes(verdict)) throw new Error(`its verdict is ${verdict}, not ${expected.join(' or ')}`);
  if (judgement.ownFaults.length > 0) throw new Error(judgement.ownFaults.join('; '));
  if (outOfTurn > 0) throw new Error(`it said ${outOfTurn} bytes out of turn`);
  checkData(victim, judgement);
  checkSecrets(victim, judgement);
  const { handshakeInfo } = victim.connection;
  if (judgement.connection && handshakeInfo) checkInfo(victim, handshakeInfo, judgement.connection);
  checkEnd(performance, verdict, judgement);
  return { verdict, connected };
}

function summary({ end, connection }: Judgement): string {
  if (end.kind === 'refused') return `refused with ${end.alerts.join(' or ')}`;
  return `${end.kind}${connection ? ', connected' : ''}`;
}

function expectedVerdicts({ connection, end }: Judgement): readonly (Verdict | AlertName)[] {
  switch (end.kind) {
    case 'open':
      return [connection ? 'established' : 'in the handshake'];
    case 'closed':
      return ['end'];
    case 'received':
      return [`received ${end.alert}`];
    case 'refused':
      return end.alerts;
  }
}

/** Everything that must be delivered is, in order, and nothing before the connection is there. */
function checkData({ events }: Endpoint, { data }: Judgement): void {
  const done = events.findIndex(({ type }) => type === 'handshakeDone');
  const first = events.findIndex(({ type }) => type === 'data');
  if (first >= 0 && (done < 0 || first < done)) throw new Error('it delivered data before it was connected');
  const delivered = Buffer.concat(events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
  if (!equalBytes(delivered, data)) throw new Error(`it delivered ${toHex(delivered)}, not ${toHex(data)}`);
}

/** The victim has no other secret than the one that follows from what was really said. */
function checkSecrets({ events }: Endpoint, { master }: Judgement): void {
  for (const event of events) {
    if (event.type !== 'keyLog' || !master) continue;
    const [label, , secret] = event.line.split(' ');
    if (label !== 'CLIENT_RANDOM' || secret !== toHex(master))
      throw new Error(`its ${label} is not the right one`);
  }
}

const label = 'EXPORTER-tacit-stateful';
const context = Uint8Array.of(1, 2, 3);

function checkInfo(victim: Endpoint, info: HandshakeInfo, connection: Connection): void {
  const { resumed, suite, chain, extendedMasterSecret, randoms, master } = connection;
  const found = [info.protocolVersion, info.resumed, info.cipherSuite, info.extendedMasterSecret];
  const proven = ['TLSv1.2', resumed, suite.name, extendedMasterSecret];
  if (found.join() !== proven.join()) throw new Error(`it says ${found.join()}, not ${proven.join()}`);
  const { peerCertificates: shown } = info;
  const isProven = shown.length === chain.length && shown.every((one, i) => equalBytes(one, chain[i]!));
  if (!isProven) throw new Error(`it tells ${shown.length} certificates, where ${chain.length} are proven`);
  const event = victim.events.find(({ type }) => type === 'session');
  const session = event?.type === 'session' ? event.session : undefined;
  if (!isSameSession(session, connection)) throw new Error('it keeps another session');
  if (!extendedMasterSecret || victim.failed) return;
  const material = victim.connection.exportKeyingMaterial(label, context, 40);
  if (!equalBytes(material, exported(suite, master, randoms, label, context, 40)))
    throw new Error('it exports something else');
}

function isSameSession(found: ClientSession | undefined, connection: Connection): boolean {
  const { next, suite, master } = connection;
  if (found?.protocolVersion !== 'TLSv1.2' || !next) return found === undefined && next === undefined;
  return (
    found.cipherSuite === suite.name &&
    equalBytes(found.masterSecret, master) &&
    equalBytes(found.ticket, next.ticket) &&
    equalBytes(found.sessionId, next.sessionId)
  );
}

const dataOfVictim = utf8('data of the victim');

/** A connection works in the other direction too; one that is not ends, with the transport, as one that was cut off. */
function checkEnd(performance: Performance, verdict: Verdict, { connection }: Judgement): void {
  const { victim, hear, state } = performance;
  const hasKeys =
    connection && equalBytes(state.master, connection.master) && state.suite.name === connection.suite.name;
  if (verdict === 'established' && hasKeys) {
    const heard = hear(({ connection: engine }) => engine.send(dataOfVictim));
    const came = heard.some(
      ({ type, content }) => type === contentTypes.application_data && equalBytes(content, dataOfVictim),
    );
    if (!came) throw new Error('it is connected, but its peer cannot read what it says');
  }
  // The peer's end is that of both directions (RFC 5246 §7.2.1), but for our own close_notify.
  if (verdict === 'end') {
    let hasThrown = false;
    try {
      victim.connection.send(dataOfVictim);
    } catch {
      hasThrown = true;
    }
    if (!hasThrown) throw new Error('it speaks to a peer that has closed');
    const closing = hear(({ connection: engine }) => engine.closeWrite());
    if (hasKeys && closing.map(({ type, content }) => `${type} ${content}`).join() !== '21 1,0')
      throw new Error('it does not answer close_notify');
  }
  if (verdict !== 'established' && verdict !== 'in the handshake') return;
  const output = victim.receiveEnd();
  if (output.length > 0) throw new Error('it answers the end of the transport');
  if (verdictOf(victim) !== 'truncated') throw new Error('it takes the end of the transport for an end');
}
