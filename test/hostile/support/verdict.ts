import { type AlertName, alertCodes } from '../../../src/base/alerts.ts';
import { alertFor, TlsCertificateError, TlsPeerError, TlsTruncatedError } from '../../../src/base/errors.ts';
import type { ProtocolVersion } from '../../../src/wire/names.ts';
import type { Endpoint } from './endpoint.ts';
import { structureOf } from './structure.ts';

/**
 * What became of an endpoint: the alert that it sent, `received` and the alert that it got, `truncated`, or that it is
 * still `in the handshake`, `established` or at the peer's `end`.
 */
export type Verdict =
  | AlertName
  | `received ${string}`
  | 'truncated'
  | 'in the handshake'
  | 'established'
  | 'end';

/**
 * @param mayAnswerFirst whether what it failed for came together with something to be answered: then its answer is
 *   ahead of the alert
 * @throws where the endpoint broke one of the rules that hold whatever its peer does
 */
export function verdictOf(endpoint: Endpoint, mayAnswerFirst = false): Verdict {
  const { connection, events } = endpoint;
  const last = events.at(-1);
  if (last?.type !== 'failed') {
    if (connection.failure) throw new Error('it failed without saying so');
    if (last?.type === 'end') return 'end';
    if (!connection.wantsInput) throw new Error('it waits for nothing');
    return endpoint.established ? 'established' : 'in the handshake';
  }
  const { error } = last;
  const alert = alertFor(error, versionOf(endpoint));
  pokeDead(endpoint);
  const said = endpoint
    .said()
    .after.filter(({ type }) => !mayAnswerFirst || (type !== 'handshake' && type !== 'change_cipher_spec'))
    .map(({ type, content }) => `${type} ${content.join(' ')}`);
  const expected = alert ? [`alert 2 ${alertCodes[alert]}`] : [];
  if (said.join() !== expected.join()) {
    throw new Error(`${error.message}: it said [${said.join(', ')}], not [${expected.join(', ')}]`);
  }
  if (error instanceof TlsTruncatedError) return 'truncated';
  if (connection.failure !== error) throw new Error('the failure is not the error of the event');
  if (error instanceof TlsPeerError) {
    return error.direction === 'sent' ? (error.alert as AlertName) : `received ${error.alert}`;
  }
  if (error instanceof TlsCertificateError && alert) return alert;
  throw new Error(`a peer caused ${error.name}: ${error.message}`, { cause: error });
}

/** What a server has negotiated, as far as it has said so. */
function versionOf(endpoint: Endpoint): ProtocolVersion | undefined {
  const { before, after } = endpoint.said();
  const hello = [...before, ...after].find(({ type, content }) => type === 'handshake' && content[0] === 2);
  if (!hello) return undefined;
  const { extensions } = structureOf(hello.content, 'TLSv1.2');
  return extensions.some(({ code }) => code === 43) ? 'TLSv1.3' : 'TLSv1.2';
}

/** After it failed, nothing that still comes in is heard, and nothing is said. */
function pokeDead(endpoint: Endpoint): void {
  const { connection } = endpoint;
  if (connection.wantsInput) throw new Error('it failed and still wants input');
  endpoint.takeOutput();
  for (const bytes of [Uint8Array.of(22, 3, 3, 0, 1, 1), Uint8Array.of(21, 3, 3, 0, 2, 2, 40)]) {
    connection.receive(bytes);
    if (connection.next()) throw new Error('it failed and still has events');
  }
  connection.receiveEnd();
  if (connection.next()) throw new Error('it failed and still has events');
  if (endpoint.takeOutput().length > 0) throw new Error('it failed and still has something to say');
}
