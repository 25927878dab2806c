import { type Attack, after, before, instead, movedBefore, without } from '../../support/edits.ts';
import { changeCipherSpec, keys, record, say } from '../../support/steps.ts';
import type { ServerSceneName } from '../scenes.ts';

const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';

export const order: readonly Attack<ServerSceneName>[] = [
  ['no ClientHello', 'RFC 5246 7.3', 'full', without('Tls12ClientHello', 'turn'), unexpected],
  ['no ClientKeyExchange', 'RFC 5246 7.4.7', 'full', without('ClientKeyExchange'), unexpected],
  ['no Certificate', 'RFC 5246 7.4.6', 'required', without('Tls12Certificate'), unexpected],
  [
    'no Certificate where none is required',
    'RFC 5246 7.4.6',
    'optionalFromNobody',
    without('Tls12Certificate'),
    unexpected,
  ],
  ['no CertificateVerify', 'RFC 5246 7.4.8', 'required', without('Tls12CertificateVerify'), unexpected],
  [
    'no CertificateVerify where no certificate is required',
    'RFC 5246 7.4.8',
    'optional',
    without('Tls12CertificateVerify'),
    unexpected,
  ],
  [
    'a Certificate that was not asked for',
    'RFC 5246 7.4.6',
    'full',
    before('ClientKeyExchange', say({ name: 'Tls12Certificate' })),
    unexpected,
  ],
  [
    'a CertificateVerify that was not asked for',
    'RFC 5246 7.4.8',
    'full',
    after('ClientKeyExchange', say({ name: 'Tls12CertificateVerify' })),
    unexpected,
  ],
  [
    'a CertificateVerify behind no certificate',
    'RFC 5246 7.4.8',
    'optionalFromNobody',
    after('ClientKeyExchange', say({ name: 'Tls12CertificateVerify' })),
    unexpected,
  ],
  [
    'ClientKeyExchange ahead of Certificate',
    'RFC 5246 7.3',
    'required',
    movedBefore('ClientKeyExchange', 'Tls12Certificate'),
    unexpected,
  ],
  [
    'CertificateVerify ahead of ClientKeyExchange',
    'RFC 5246 7.4.8',
    'required',
    movedBefore('Tls12CertificateVerify', 'ClientKeyExchange'),
    unexpected,
  ],
  [
    'ClientKeyExchange twice',
    'RFC 5246 7.3',
    'full',
    after('ClientKeyExchange', say({ name: 'ClientKeyExchange' })),
    unexpected,
  ],
  ['no change_cipher_spec', 'RFC 5246 7.1', 'full', without('ccs'), unexpected],
  [
    'no change_cipher_spec, and Finished in the clear',
    'RFC 5246 7.1',
    'full',
    without('ccs', 'application keys'),
    unexpected,
  ],
  ['Finished in the clear', 'RFC 5246 7.4.9', 'full', without('application keys'), 'bad_record_mac'],
  ['no Finished', 'RFC 5246 7.4.9', 'full', without('Tls12Finished'), unexpected],
  [
    'Finished twice',
    'RFC 5246 7.4.9',
    'full',
    after('Tls12Finished', say({ name: 'Tls12Finished' })),
    unexpected,
  ],
  [
    'data ahead of Finished',
    'RFC 5246 7.3',
    'full',
    before('Tls12Finished', record('application_data', [1])),
    unexpected,
  ],
  [
    'data ahead of change_cipher_spec',
    'RFC 5246 7.3',
    'full',
    before('ccs', record('application_data', [1])),
    unexpected,
  ],
  [
    'data instead of a handshake',
    'RFC 5246 7.3',
    'full',
    instead('Tls12ClientHello', record('application_data', [1])),
    unexpected,
  ],
  [
    'HelloRequest',
    'RFC 5246 7.4.1.1',
    'full',
    before('ClientKeyExchange', say({ name: 'HelloRequest' })),
    unexpected,
  ],
  [
    'HelloRequest after the handshake',
    'RFC 5246 7.4.1.1',
    'full',
    after('data', say({ name: 'HelloRequest' })),
    unexpected,
  ],
  [
    'a second ClientHello in the handshake',
    'RFC 5246 7.3',
    'full',
    before('ClientKeyExchange', say({ name: 'Tls12ClientHello' })),
    unexpected,
  ],
  [
    'a ticket from the client',
    'RFC 5077 3.3',
    'full',
    before('ccs', say({ name: 'Tls12NewSessionTicket' })),
    unexpected,
  ],
  [
    'change_cipher_spec ahead of ClientHello',
    'RFC 5246 7.1',
    'full',
    before('Tls12ClientHello', changeCipherSpec()),
    unexpected,
  ],
  [
    'change_cipher_spec right behind ClientHello',
    'RFC 5246 7.1',
    'full',
    before('ClientKeyExchange', changeCipherSpec()),
    unexpected,
  ],
  [
    'an early change_cipher_spec, and keys of nothing (CVE-2014-0224)',
    'RFC 5246 7.1',
    'full',
    before('ClientKeyExchange', changeCipherSpec(), keys('application')),
    unexpected,
  ],
  [
    'change_cipher_spec ahead of CertificateVerify',
    'RFC 5246 7.1',
    'required',
    before('Tls12CertificateVerify', changeCipherSpec()),
    unexpected,
  ],
  ['change_cipher_spec twice', 'RFC 5246 7.1', 'full', after('ccs', changeCipherSpec()), unexpected],
  [
    'change_cipher_spec after the handshake',
    'RFC 5246 7.1',
    'full',
    after('data', changeCipherSpec()),
    unexpected,
  ],
  ['a change_cipher_spec of 0', 'RFC 5246 7.1', 'full', instead('ccs', changeCipherSpec(0)), illegal],
];

const again = say({ name: 'Tls12ClientHello' });

export const renegotiation: readonly Attack<ServerSceneName>[] = [
  ['a ClientHello after the handshake', 'RFC 5746 4.5', 'full', after('data', again), 'end'],
  ['32 of them', 'RFC 5746 4.5', 'full', after('data', ...Array.from({ length: 32 }, () => again)), 'end'],
  [
    '33 of them',
    'RFC 5746 4.5',
    'full',
    after('data', ...Array.from({ length: 33 }, () => again)),
    unexpected,
  ],
  [
    '33 of them with data between',
    'RFC 5746 4.5',
    'full',
    after(
      'data',
      ...Array.from({ length: 33 }, () => again).flatMap((step) => [step, record('application_data', [1])]),
    ),
    'end',
  ],
  [
    'a whole renegotiation',
    'RFC 5746 4.5',
    'full',
    after('data', again, say({ name: 'ClientKeyExchange' })),
    unexpected,
  ],
  [
    'another client behind it (CVE-2009-3555)',
    'RFC 5746 3.7',
    'required',
    after('data', again, say({ name: 'Tls12Certificate', of: 'other' })),
    unexpected,
  ],
];

export const alerts: readonly Attack<ServerSceneName>[] = [
  [
    'a warning ahead of ClientHello',
    'RFC 5246 7.2',
    'full',
    before('Tls12ClientHello', record('alert', [1, 112])),
    'received unrecognized_name',
  ],
  [
    'four warnings',
    'RFC 5246 7.2',
    'full',
    after('turn', ...Array.from({ length: 4 }, () => record('alert', [1, 41]))),
    'end',
  ],
  [
    'five warnings',
    'RFC 5246 7.2',
    'full',
    after('turn', ...Array.from({ length: 5 }, () => record('alert', [1, 41]))),
    'decode_error',
  ],
  [
    'a fatal user_canceled',
    'RFC 5246 7.2',
    'full',
    after('data', record('alert', [2, 90])),
    'received user_canceled',
  ],
  [
    'close_notify in the handshake',
    'RFC 5246 7.2.1',
    'full',
    after('turn', record('alert', [1, 0])),
    'received close_notify',
  ],
  ['an alert of level 0', 'RFC 5246 7.2', 'full', after('turn', record('alert', [0, 40])), illegal],
];
