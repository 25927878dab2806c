import { closeNotify, dataOfPeer } from '../support/scripts.ts';
import { changeCipherSpec, keys, type Message, record, type Step, say, turn } from '../support/steps.ts';
import type { ClientSceneName, ServerSceneName } from './scenes.ts';

const ending: readonly Step[] = [record('application_data', dataOfPeer), closeNotify];
const finishing: readonly Step[] = [
  changeCipherSpec(),
  keys('application'),
  say({ name: 'Tls12Finished' }),
  turn,
];

/** What an honest server does, to a client that begins (RFC 5246 §7.3, figures 1 and 2; RFC 5077 §3.1). */
export function serverScript(name: ClientSceneName): readonly Step[] {
  const resumes = name === 'resumed' || name === 'renewed' || name === 'resumedById';
  const hasTicket = !['alone', 'stapled', 'plainSecret', 'resumed', 'resumedById'].includes(name);
  const flight: Message[] = [{ name: 'Tls12ServerHello' }];
  if (!resumes) {
    flight.push({ name: 'Tls12Certificate' });
    if (name === 'stapled') flight.push({ name: 'CertificateStatus' });
    flight.push({ name: 'ServerKeyExchange' });
    if (name.startsWith('requested')) flight.push({ name: 'Tls12CertificateRequest' });
    flight.push({ name: 'ServerHelloDone' });
  }
  return [
    ...flight.map((message) => say(message)),
    ...(resumes ? [] : [turn]),
    ...(hasTicket ? [say({ name: 'Tls12NewSessionTicket' })] : []),
    ...finishing,
    ...ending,
  ];
}

/** What an honest client does. */
export function clientScript(name: ServerSceneName): readonly Step[] {
  const resumes = name === 'resumed';
  const shows = ['rsa', 'required', 'optional', 'foreignSession'].includes(name);
  const flight: Message[] = [];
  if (shows) flight.push({ name: 'Tls12Certificate' });
  if (name === 'optionalFromNobody') flight.push({ name: 'Tls12Certificate', of: 'nobody' });
  if (!resumes) flight.push({ name: 'ClientKeyExchange' });
  if (shows) flight.push({ name: 'Tls12CertificateVerify' });
  return [
    say({ name: 'Tls12ClientHello' }),
    turn,
    ...flight.map((message) => say(message)),
    ...finishing,
    ...ending,
  ];
}
