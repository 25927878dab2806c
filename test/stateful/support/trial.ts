import type { AlertName } from '../../../src/base/alerts.ts';
import { equalBytes, toHex, utf8 } from '../../../src/base/bytes.ts';
import type { HandshakeInfo } from '../../../src/connection/events.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import type { Endpoint } from '../../hostile/support/endpoint.ts';
import { type Verdict, verdictOf } from '../../hostile/support/verdict.ts';
import { cutRecords } from '../../support/plain-records.ts';
import { type Connection, type Judgement, judge } from './model.ts';
import { type Performance, perform } from './peer.ts';
import type { Scene } from './scenes.ts';
import { describeStep, type Step } from './steps.ts';

/** What the victim came to, and whether it was connected on the way there. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly connected: boolean;
}

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
  if (connected !== (judgement.connection !== undefined)) {
    throw new Error(
      connected
        ? `it is connected, though ${whyNot(judgement)}`
        : `it is not connected but ${verdict}, though nothing is missing`,
    );
  }
  if (!expectedVerdicts(judgement).includes(verdict))
    throw new Error(`its verdict is ${verdict}, not ${expectedVerdicts(judgement).join(' or ')}`);
  if (judgement.end.kind === 'refused') checkAlert(victim, judgement);
  if (judgement.ownFaults.length > 0) throw new Error(judgement.ownFaults.join('; '));
  if (outOfTurn > 0) throw new Error(`it said ${outOfTurn} bytes out of turn`);
  checkData(victim, judgement);
  checkSecrets(victim, judgement);
  const { handshakeInfo } = victim.connection;
  if (judgement.connection && handshakeInfo) checkInfo(handshakeInfo, judgement.connection);
  checkEnd(performance, verdict, judgement);
  return { verdict, connected };
}

function whyNot({ end }: Judgement): string {
  if (end.kind === 'refused') return `it must refuse what came with ${end.alerts.join(' or ')}`;
  return end.kind === 'received' ? `it was told ${end.alert}` : 'there are messages missing';
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

/** Who has keys says everything under them. */
function checkAlert({ wire }: Endpoint, { protects }: Judgement): void {
  const [type] = cutRecords(wire).at(-1) ?? [];
  const expected = protects ? contentTypes.application_data : contentTypes.alert;
  if (type !== expected) throw new Error(`its alert is in a record of type ${type}, not ${expected}`);
}

/** Everything that must be delivered is, in order, and nothing before the connection is there. */
function checkData({ events }: Endpoint, { data }: Judgement): void {
  const done = events.findIndex(({ type }) => type === 'handshakeDone');
  const first = events.findIndex(({ type }) => type === 'data');
  if (first >= 0 && (done < 0 || first < done)) throw new Error('it delivered data before it was connected');
  const delivered = Buffer.concat(events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
  if (!equalBytes(delivered, data)) throw new Error(`it delivered ${toHex(delivered)}, not ${toHex(data)}`);
}

/** The victim has no other keys than those that follow from what was really said. */
function checkSecrets({ events }: Endpoint, { secrets }: Judgement): void {
  for (const event of events) {
    if (event.type !== 'keyLog') continue;
    const [label = '', , secret] = event.line.split(' ');
    const expected = secrets.get(label);
    if (expected !== undefined && expected !== secret) throw new Error(`its ${label} is not the right one`);
  }
}

function checkInfo(info: HandshakeInfo, { resumed, retried, suite, chain, rawPublicKey }: Connection): void {
  const keyOf = (key: Uint8Array | undefined): string => (key ? toHex(key) : 'no raw public key');
  const found = [info.resumed, info.helloRetryRequest, info.cipherSuite, keyOf(info.peerRawPublicKey)];
  const proven = [resumed, retried, suite, keyOf(rawPublicKey)];
  if (found.join() !== proven.join()) throw new Error(`it says ${found.join()}, not ${proven.join()}`);
  const { peerCertificates: shown } = info;
  const isProven = shown.length === chain.length && shown.every((one, i) => equalBytes(one, chain[i]!));
  if (!isProven) throw new Error(`it tells ${shown.length} certificates, where ${chain.length} are proven`);
}

const dataOfVictim = utf8('data of the victim');

/** A connection works in the other direction too; one that is not ends, with the transport, as one that was cut off. */
function checkEnd(performance: Performance, verdict: Verdict, { secrets, connection }: Judgement): void {
  const { victim, hear, state } = performance;
  const isClient = state.setup.side === 'server';
  const label = isClient ? 'CLIENT_TRAFFIC_SECRET_0' : 'SERVER_TRAFFIC_SECRET_0';
  // A peer that lies to itself too may be connected, and have other keys, or another suite to use them with.
  const hasKeys =
    toHex(state.application()[isClient ? 'client' : 'server']) === secrets.get(label) &&
    state.suite.name === connection?.suite;
  if (hasKeys && victim.established && (verdict === 'end' || verdict === 'established')) {
    const heard = hear(({ connection: engine }) => engine.send(dataOfVictim)).filter(
      ({ type }) => type === contentTypes.application_data,
    );
    const came = heard.some(({ content }) => equalBytes(content, dataOfVictim));
    if (!came) throw new Error('it is connected, but its peer cannot read what it says');
  }
  if (verdict !== 'established' && verdict !== 'in the handshake') return;
  const output = victim.receiveEnd();
  if (output.length > 0) throw new Error('it answers the end of the transport');
  if (verdictOf(victim) !== 'truncated') throw new Error('it takes the end of the transport for an end');
}
