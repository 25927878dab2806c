import { utf8 } from '../../../../src/base/bytes.ts';
import {
  type Attack,
  after,
  all,
  before,
  changed,
  instead,
  movedBefore,
  without,
} from '../../support/edits.ts';
import { changeCipherSpec, keys, record, type Step, say } from '../../support/steps.ts';
import type { ClientSceneName } from '../scenes.ts';

const unexpected = 'unexpected_message';
const data = utf8('some data');
const request: Step = say({ name: 'HelloRequest' });

export const missing: readonly Attack<ClientSceneName>[] = [
  ['no ServerHello', 'RFC 5246 7.3', 'full', without('Tls12ServerHello'), unexpected],
  ['no Certificate', 'RFC 5246 7.4.2', 'full', without('Tls12Certificate'), unexpected],
  ['no ServerKeyExchange', 'RFC 5246 7.4.3', 'full', without('ServerKeyExchange'), unexpected],
  ['neither of both', 'RFC 5246 7.4.2', 'full', without('Tls12Certificate', 'ServerKeyExchange'), unexpected],
  [
    'neither of both, where a session was offered and not resumed',
    'RFC 5077 3.4',
    'declined',
    without('Tls12Certificate', 'ServerKeyExchange'),
    unexpected,
  ],
  ['no ServerHelloDone', 'RFC 5246 7.4.5', 'full', without('ServerHelloDone'), unexpected],
  [
    'no ServerHelloDone behind a CertificateRequest',
    'RFC 5246 7.4.5',
    'requested',
    without('ServerHelloDone'),
    unexpected,
  ],
  [
    'no ticket, though it was announced',
    'RFC 5077 3.3',
    'full',
    without('Tls12NewSessionTicket'),
    unexpected,
  ],
  ['no ticket of a resumed session', 'RFC 5077 3.3', 'renewed', without('Tls12NewSessionTicket'), unexpected],
  ['no CertificateStatus', 'RFC 6066 8', 'stapled', without('CertificateStatus'), 'end'],
  ['no change_cipher_spec', 'RFC 5246 7.1', 'full', without('ccs'), unexpected],
  ['no change_cipher_spec in a resumption', 'RFC 5246 7.1', 'resumed', without('ccs'), unexpected],
  [
    'no change_cipher_spec, and Finished in the clear',
    'RFC 5246 7.1',
    'full',
    all(without('ccs', 'application keys')),
    unexpected,
  ],
  ['Finished in the clear', 'RFC 5246 7.4.9', 'full', without('application keys'), 'bad_record_mac'],
  ['no Finished', 'RFC 5246 7.4.9', 'full', without('Tls12Finished'), unexpected],
  ['no Finished in a resumption', 'RFC 5246 7.4.9', 'resumed', without('Tls12Finished'), unexpected],
  [
    'neither change_cipher_spec nor Finished, and data in the clear',
    'RFC 5246 7.3',
    'full',
    without('ccs', 'application keys', 'Tls12Finished'),
    unexpected,
  ],
];

export const outOfOrder: readonly Attack<ClientSceneName>[] = [
  [
    'Certificate twice',
    'RFC 5246 7.3',
    'full',
    after('Tls12Certificate', say({ name: 'Tls12Certificate' })),
    unexpected,
  ],
  [
    'ServerHello twice',
    'RFC 5246 7.3',
    'full',
    after('Tls12ServerHello', say({ name: 'Tls12ServerHello' })),
    unexpected,
  ],
  [
    'ServerKeyExchange twice',
    'RFC 5246 7.3',
    'full',
    after('ServerKeyExchange', say({ name: 'ServerKeyExchange' })),
    unexpected,
  ],
  [
    'ServerHelloDone twice',
    'RFC 5246 7.3',
    'full',
    after('ServerHelloDone', say({ name: 'ServerHelloDone' })),
    unexpected,
  ],
  [
    'ServerKeyExchange ahead of Certificate',
    'RFC 5246 7.3',
    'full',
    movedBefore('ServerKeyExchange', 'Tls12Certificate'),
    unexpected,
  ],
  [
    'CertificateRequest ahead of ServerKeyExchange',
    'RFC 5246 7.4.4',
    'requested',
    movedBefore('Tls12CertificateRequest', 'ServerKeyExchange'),
    unexpected,
  ],
  [
    'CertificateRequest behind ServerHelloDone',
    'RFC 5246 7.4.4',
    'full',
    after('turn', say({ name: 'Tls12CertificateRequest' })),
    unexpected,
  ],
  [
    'CertificateRequest after the handshake',
    'RFC 5246 7.4.4',
    'full',
    after('data', say({ name: 'Tls12CertificateRequest' })),
    unexpected,
  ],
  [
    'CertificateStatus ahead of Certificate',
    'RFC 6066 8',
    'stapled',
    movedBefore('CertificateStatus', 'Tls12Certificate'),
    unexpected,
  ],
  [
    'CertificateStatus that was not announced',
    'RFC 6066 8',
    'full',
    before('ServerKeyExchange', say({ name: 'CertificateStatus' })),
    unexpected,
  ],
  [
    'a ticket ahead of ServerHelloDone',
    'RFC 5077 3.3',
    'full',
    movedBefore('Tls12NewSessionTicket', 'ServerHelloDone'),
    unexpected,
  ],
  [
    'a ticket that was not announced',
    'RFC 5077 3.2',
    'alone',
    before('ccs', say({ name: 'Tls12NewSessionTicket' })),
    unexpected,
  ],
  [
    'a second ticket',
    'RFC 5077 3.3',
    'full',
    after('Tls12NewSessionTicket', say({ name: 'Tls12NewSessionTicket' })),
    unexpected,
  ],
  [
    'a ticket behind change_cipher_spec',
    'RFC 5077 3.3',
    'full',
    all(without('Tls12NewSessionTicket'), before('Tls12Finished', say({ name: 'Tls12NewSessionTicket' }))),
    unexpected,
  ],
  [
    'a ticket after the handshake',
    'RFC 5077 3.3',
    'full',
    after('data', say({ name: 'Tls12NewSessionTicket' })),
    unexpected,
  ],
  [
    'Certificate in a resumption',
    'RFC 5246 7.3',
    'resumed',
    after('Tls12ServerHello', say({ name: 'Tls12Certificate' })),
    unexpected,
  ],
  [
    'Finished twice',
    'RFC 5246 7.4.9',
    'full',
    after('Tls12Finished', say({ name: 'Tls12Finished' })),
    unexpected,
  ],
  [
    'Finished ahead of the flight of the client',
    'RFC 5246 7.3',
    'full',
    before('turn', changeCipherSpec(), say({ name: 'Tls12Finished' })),
    unexpected,
  ],
  [
    "the client's own hello",
    'RFC 5246 7.3',
    'full',
    before('Tls12ServerHello', say({ name: 'Echo' })),
    unexpected,
  ],
  [
    'KeyUpdate after the handshake',
    'RFC 9846 4.7.3',
    'full',
    after('data', say({ name: 'Other', type: 24, body: Uint8Array.of(0) })),
    unexpected,
  ],
  [
    'EncryptedExtensions',
    'RFC 9846 4.4.1',
    'full',
    after('Tls12ServerHello', say({ name: 'Other', type: 8, body: Uint8Array.of(0, 0) })),
    unexpected,
  ],
  [
    'data ahead of Finished',
    'RFC 5246 7.3',
    'full',
    before('Tls12Finished', record('application_data', data)),
    unexpected,
  ],
  [
    'data ahead of change_cipher_spec',
    'RFC 5246 7.3',
    'full',
    before('ccs', record('application_data', data)),
    unexpected,
  ],
];

const everywhere = (
  [
    'Tls12Certificate',
    'ServerKeyExchange',
    'ServerHelloDone',
    'Tls12NewSessionTicket',
    'Tls12Finished',
  ] as const
).map(
  (place): Attack<ClientSceneName> => [
    `change_cipher_spec ahead of ${place}`,
    'RFC 5246 7.1',
    'full',
    before(place, changeCipherSpec()),
    unexpected,
  ],
);

export const changeCipherSpecs: readonly Attack<ClientSceneName>[] = [
  ...everywhere,
  [
    'change_cipher_spec ahead of ServerHello',
    'RFC 9846 5',
    'full',
    before('Tls12ServerHello', changeCipherSpec()),
    'end',
  ],
  [
    'change_cipher_spec ahead of ServerHello, to a client of TLS 1.2 alone',
    'RFC 5246 7.1',
    'alone',
    before('Tls12ServerHello', changeCipherSpec()),
    unexpected,
  ],
  [
    'change_cipher_spec right behind ServerHello',
    'RFC 5246 7.1',
    'resumed',
    after('ccs', changeCipherSpec()),
    unexpected,
  ],
  [
    'an early change_cipher_spec, and keys of nothing (CVE-2014-0224)',
    'RFC 5246 7.1',
    'full',
    before('Tls12Certificate', changeCipherSpec(), keys('application')),
    unexpected,
  ],
  [
    'a change_cipher_spec of 2',
    'RFC 5246 7.1',
    'full',
    instead('ccs', changeCipherSpec(2)),
    'illegal_parameter',
  ],
  [
    'a long change_cipher_spec',
    'RFC 5246 7.1',
    'full',
    instead('ccs', changeCipherSpec(1, 1)),
    'illegal_parameter',
  ],
  [
    'change_cipher_spec after the handshake',
    'RFC 5246 7.1',
    'full',
    after('data', changeCipherSpec()),
    unexpected,
  ],
  [
    'a sealed change_cipher_spec after the handshake',
    'RFC 5246 7.1',
    'full',
    after('data', record('change_cipher_spec', [1])),
    unexpected,
  ],
  [
    'change_cipher_spec inside a message',
    'RFC 5246 7.1',
    'full',
    changed('Tls12NewSessionTicket', { pieces: [6], interlude: changeCipherSpec() }),
    unexpected,
  ],
];

const places = [
  ...(['Tls12ServerHello', 'Tls12Certificate', 'ServerKeyExchange', 'ServerHelloDone', 'turn'] as const),
  ...(['Tls12NewSessionTicket', 'ccs', 'Tls12Finished', 'data'] as const),
];

export const helloRequests: readonly Attack<ClientSceneName>[] = [
  ...places.map(
    (place): Attack<ClientSceneName> => [
      `HelloRequest ahead of ${place}`,
      'RFC 5246 7.4.1.1',
      'full',
      before(place, request),
      'end',
    ],
  ),
  [
    'HelloRequest with a body',
    'RFC 5246 7.4.1.1',
    'full',
    after('data', say({ name: 'HelloRequest', body: Uint8Array.of(0) })),
    'decode_error',
  ],
  [
    '32 HelloRequests after the handshake',
    'RFC 5746 4.5',
    'full',
    after('data', ...Array.from({ length: 32 }, () => request)),
    'end',
  ],
  [
    '33 HelloRequests after the handshake',
    'RFC 5746 4.5',
    'full',
    after('data', ...Array.from({ length: 33 }, () => request)),
    unexpected,
  ],
  [
    '33 HelloRequests in the handshake',
    'RFC 5746 4.5',
    'full',
    before('Tls12Certificate', ...Array.from({ length: 33 }, () => request)),
    unexpected,
  ],
  [
    'a whole renegotiation',
    'RFC 5746 4.5',
    'full',
    after('data', request, say({ name: 'Tls12ServerHello' }), say({ name: 'Tls12Certificate' })),
    unexpected,
  ],
];
