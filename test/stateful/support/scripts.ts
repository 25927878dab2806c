import { utf8 } from '../../../src/base/bytes.ts';
import type { ClientSceneName, ServerSceneName } from './scenes.ts';
import { changeCipherSpec, keys, type Message, record, type Step, say, turn } from './steps.ts';

/** What each peer sends when its handshake is done. */
export const dataOfPeer: Uint8Array = utf8('data of the peer');

/** close_notify, as a warning. */
export const closeNotify: Step = record('alert', [1, 0]);

const ending: readonly Step[] = [record('application_data', dataOfPeer), closeNotify];

/** Data that nobody can read who does not accept it: under keys that a server never had. */
const earlyData: Step = record('application_data', utf8('early data'), { under: 'unknown' });

/** What an honest server does, to a client that begins. */
export function serverScript(name: ClientSceneName): readonly Step[] {
  const retries = name === 'retry' || name === 'cookie' || name === 'resumedRetry';
  const resumes = name === 'resumed' || name === 'resumedRetry';
  const requests = name === 'requested' || name === 'requestedFromNobody';
  const certificate = name === 'compressed' ? 'CompressedCertificate' : 'Certificate';
  const flight: Message[] = [{ name: 'EncryptedExtensions' }];
  if (requests) flight.push({ name: 'CertificateRequest' });
  if (!resumes) flight.push({ name: certificate }, { name: 'CertificateVerify' });
  flight.push({ name: 'Finished' });
  return [
    ...(retries ? [say({ name: 'HelloRetryRequest' }), changeCipherSpec(), turn] : []),
    say({ name: 'ServerHello' }),
    ...(retries ? [] : [changeCipherSpec()]),
    keys('handshake'),
    ...flight.map((message) => say(message)),
    keys('application'),
    turn,
    say({ name: 'NewSessionTicket' }),
    ...ending,
  ];
}

/** What an honest client does. */
export function clientScript(name: ServerSceneName): readonly Step[] {
  const retries = name === 'retry' || name === 'resumedRetry' || name === 'earlyDataRetry';
  const isEarly = name === 'earlyData' || name === 'earlyDataRetry';
  const flight: Message[] = [];
  if (['required', 'optional', 'rsa', 'rawPublicKey', 'foreignSession'].includes(name))
    flight.push({ name: 'Certificate' });
  if (name === 'compressed') flight.push({ name: 'CompressedCertificate' });
  if (flight.length > 0) flight.push({ name: 'CertificateVerify' });
  if (name === 'optionalFromNobody') flight.push({ name: 'Certificate', of: 'nobody' });
  flight.push({ name: 'Finished' });
  return [
    say({ name: 'ClientHello' }),
    ...(isEarly ? [changeCipherSpec(), earlyData] : []),
    turn,
    ...(retries ? [changeCipherSpec(), say({ name: 'ClientHello' }), turn] : []),
    ...(retries || isEarly ? [] : [changeCipherSpec()]),
    keys('handshake'),
    ...flight.map((message) => say(message)),
    keys('application'),
    turn,
    ...ending,
  ];
}
