import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import {
  type Attack,
  all,
  as,
  before,
  changed,
  type Edit,
  extended,
  unknown,
  without,
} from '../support/edits.ts';
import type { ClientSceneName } from '../support/scenes.ts';
import { type Message, say, turn } from '../support/steps.ts';

const data = utf8('some data');
const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';

const secondHello = (message: Message): Edit => changed('ServerHello', { message });
const hello = (edit: (Message & { readonly name: 'ServerHello' })['edit']): Edit =>
  as({ name: 'ServerHello', ...(edit && { edit }) });
const retry = (edit: (Message & { readonly name: 'HelloRetryRequest' })['edit']): Edit =>
  as({ name: 'HelloRetryRequest', ...(edit && { edit }) });

export const retries: readonly Attack<ClientSceneName>[] = [
  [
    'a second HelloRetryRequest',
    '4.2.4',
    'retry',
    before('ServerHello', say({ name: 'HelloRetryRequest' }), turn),
    unexpected,
  ],
  [
    'a second one for another group',
    '4.2.4',
    'cookie',
    before('ServerHello', say({ name: 'HelloRetryRequest', edit: extended({ key_share: 0x17 }) }), turn),
    unexpected,
  ],
  [
    'one behind ServerHello',
    '4.2.4',
    'full',
    before('handshake keys', say({ name: 'HelloRetryRequest' })),
    unexpected,
  ],
  [
    'one that asks for the group of the share',
    '4.3.8',
    'retry',
    retry(extended({ key_share: 0x1d })),
    illegal,
  ],
  [
    'one that asks for a group that was not offered',
    '4.3.8',
    'retry',
    retry(extended({ key_share: 0x18 })),
    illegal,
  ],
  ['one that would change nothing', '4.2.4', 'cookie', retry(extended({ cookie: undefined })), illegal],
  [
    'one with a suite that was not offered',
    '4.2.3',
    'retry',
    as({ name: 'HelloRetryRequest', suite: 'TLS_CHACHA20_POLY1305_SHA256' }),
    illegal,
  ],
  [
    'one without the session ID',
    '4.2.3',
    'retry',
    retry((fields) => ({ ...fields, legacySessionIdEcho: noBytes })),
    illegal,
  ],
  [
    'one without supported_versions',
    '9.2',
    'retry',
    retry(extended({ supported_versions: undefined })),
    'missing_extension',
  ],
  ['one of TLS 1.2', '4.3.1', 'retry', retry(extended({ supported_versions: 0x0303 })), illegal],
  [
    'one with an extension that was not offered',
    '4.2.4',
    'retry',
    retry(extended({ others: [unknown] })),
    'unsupported_extension',
  ],
  ['one with a cookie too', '4.3.2', 'retry', retry(extended({ cookie: data })), 'end'],
  [
    'another suite behind it',
    '4.2.4',
    'retry',
    secondHello({ name: 'ServerHello', suite: 'TLS_AES_256_GCM_SHA384' }),
    illegal,
  ],
  [
    'another suite of the same hash behind it, not offered',
    '4.2.4',
    'retry',
    secondHello({ name: 'ServerHello', suite: 'TLS_CHACHA20_POLY1305_SHA256' }),
    illegal,
  ],
  ['another group behind it', '4.3.8', 'retry', secondHello({ name: 'ServerHello', group: 0x1d }), illegal],
  [
    'ServerHello in its record',
    '5.1',
    'retry',
    all(without('ccs', 'turn'), changed('HelloRetryRequest', { joined: 'alone' })),
    unexpected,
  ],
  [
    'ServerHello without waiting for the second ClientHello',
    '4.2.4',
    'retry',
    without('turn'),
    'bad_record_mac',
  ],
  [
    'a PSK of another hash behind it',
    '4.3.11',
    'resumedRetry',
    all(
      as({ name: 'HelloRetryRequest', suite: 'TLS_AES_256_GCM_SHA384' }),
      secondHello({ name: 'ServerHello', suite: 'TLS_AES_256_GCM_SHA384', psk: 0 }),
    ),
    'unsupported_extension',
  ],
];

export const hellos: readonly Attack<ClientSceneName>[] = [
  [
    'a suite that was not offered',
    '4.2.3',
    'full',
    as({ name: 'ServerHello', suite: 'TLS_CHACHA20_POLY1305_SHA256' }),
    illegal,
  ],
  ['a suite of TLS 1.2', '4.2.3', 'full', hello((fields) => ({ ...fields, cipherSuite: 0xc02f })), illegal],
  [
    'another session ID',
    '4.2.3',
    'full',
    hello((fields) => ({ ...fields, legacySessionIdEcho: new Uint8Array(32) })),
    illegal,
  ],
  [
    'no session ID',
    '4.2.3',
    'full',
    hello((fields) => ({ ...fields, legacySessionIdEcho: noBytes })),
    illegal,
  ],
  ['compression', '4.2.3', 'full', hello((fields) => ({ ...fields, legacyCompressionMethod: 1 })), illegal],
  [
    'legacy_version 0x0304',
    '4.2.3',
    'full',
    hello((fields) => ({ ...fields, legacyVersion: 0x0304 })),
    'protocol_version',
  ],
  [
    'TLS 1.2 in supported_versions',
    '4.3.1',
    'full',
    hello(extended({ supported_versions: 0x0303 })),
    illegal,
  ],
  // So it is of TLS 1.2, which was offered too, but has no key_share there.
  ['no supported_versions', '4.3.1', 'full', hello(extended({ supported_versions: undefined })), illegal],
  ['no key_share', '9.2', 'full', hello(extended({ key_share: undefined })), 'missing_extension'],
  [
    'a group that was offered without a share',
    '4.3.8',
    'full',
    as({ name: 'ServerHello', group: 0x17 }),
    illegal,
  ],
  ['a group that was not offered', '4.3.8', 'full', as({ name: 'ServerHello', group: 0x18 }), illegal],
  [
    'a share of zeros',
    '7.4.2',
    'full',
    hello(extended({ key_share: { group: 0x1d, keyExchange: new Uint8Array(32) } })),
    illegal,
  ],
  [
    'an extension that was not offered',
    '4.3',
    'full',
    hello(extended({ others: [unknown] })),
    'unsupported_extension',
  ],
  ['a PSK that was not offered', '4.3', 'full', as({ name: 'ServerHello', psk: 0 }), 'unsupported_extension'],
  ['a PSK beyond those offered', '4.3.11', 'resumed', as({ name: 'ServerHello', psk: 1 }), illegal],
  [
    'a PSK that the server does not have',
    '4.3.11',
    'declined',
    as({ name: 'ServerHello', psk: 0 }),
    'bad_record_mac',
  ],
  [
    'a PSK with a suite of another hash',
    '4.3.11',
    'resumed',
    as({ name: 'ServerHello', suite: 'TLS_AES_256_GCM_SHA384' }),
    illegal,
  ],
  ['a PSK without a key exchange', '4.3.9', 'resumed', hello(extended({ key_share: undefined })), illegal],
  [
    'a PSK and a Certificate',
    '2.2',
    'resumed',
    before('Finished', say({ name: 'Certificate' }), say({ name: 'CertificateVerify' })),
    unexpected,
  ],
  [
    'a PSK and a CertificateRequest',
    '4.4.2',
    'resumed',
    before('Finished', say({ name: 'CertificateRequest' })),
    unexpected,
  ],
  [
    'no PSK, and the flight of a resumption',
    '2.2',
    'resumed',
    as({ name: 'ServerHello', psk: 'none' }),
    unexpected,
  ],
  [
    'another suite that was offered',
    '4.2.3',
    'full',
    as({ name: 'ServerHello', suite: 'TLS_AES_256_GCM_SHA384' }),
    'end',
  ],
];
