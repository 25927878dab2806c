import { noBytes, utf8 } from '../../../../src/base/bytes.ts';
import { type Attack, after, all, before, changed, without } from '../../support/edits.ts';
import { record, type Step, say, turn } from '../../support/steps.ts';
import type { ClientSceneName } from '../scenes.ts';

const unexpected = 'unexpected_message';
const data = utf8('some data');
const request: Step = say({ name: 'HelloRequest' });

export const flights: readonly Attack<ClientSceneName>[] = [
  [
    'a HelloRequest in the record of ServerHelloDone',
    'RFC 5246 7.3',
    'full',
    all(changed('ServerHelloDone', { joined: 'alone' }), after('ServerHelloDone', request)),
    unexpected,
  ],
  [
    'Finished and a HelloRequest in one record',
    'RFC 5246 7.4.9',
    'full',
    all(changed('Tls12Finished', { joined: 'alone' }), after('Tls12Finished', request)),
    unexpected,
  ],
];

export const alerts: readonly Attack<ClientSceneName>[] = [
  [
    'empty data, a warning, and empty data again',
    'RFC 5246 6.2.1',
    'full',
    after(
      'data',
      ...Array.from({ length: 20 }, () => record('application_data', noBytes)),
      record('alert', [1, 100]),
      ...Array.from({ length: 20 }, () => record('application_data', noBytes)),
    ),
    unexpected,
  ],
  [
    'eight warnings, with data between',
    'RFC 5246 7.2',
    'full',
    after(
      'data',
      ...Array.from({ length: 4 }, () => record('alert', [1, 100])),
      record('application_data', data),
      ...Array.from({ length: 4 }, () => record('alert', [1, 100])),
    ),
    'end',
  ],
  [
    'a byte more than a record holds',
    'RFC 5246 6.2.1',
    'full',
    after('data', record('application_data', new Uint8Array(16_385))),
    'record_overflow',
  ],
  [
    'four warnings in a row',
    'RFC 5246 7.2',
    'full',
    before('Tls12Certificate', ...Array.from({ length: 4 }, () => record('alert', [1, 112]))),
    'end',
  ],
  [
    'five warnings in a row',
    'RFC 5246 7.2',
    'full',
    before('Tls12Certificate', ...Array.from({ length: 5 }, () => record('alert', [1, 112]))),
    'decode_error',
  ],
  [
    'a warning that it does not renegotiate',
    'RFC 5246 7.2.2',
    'full',
    after('data', record('alert', [1, 100])),
    'end',
  ],
  [
    'warnings and empty data in turn, without end',
    'RFC 5246 6.2.1',
    'full',
    after(
      'data',
      ...Array.from({ length: 33 }, () => [
        record('application_data', noBytes),
        record('alert', [1, 100]),
      ]).flat(),
    ),
    'decode_error',
  ],
  [
    'a fatal alert',
    'RFC 5246 7.2',
    'full',
    after('data', record('alert', [2, 40])),
    'received handshake_failure',
  ],
  [
    'a fatal user_canceled',
    'RFC 5246 7.2',
    'full',
    after('data', record('alert', [2, 90])),
    'received user_canceled',
  ],
  [
    'an alert of level 3',
    'RFC 5246 7.2',
    'full',
    after('data', record('alert', [3, 40])),
    'illegal_parameter',
  ],
  [
    'two alerts in a record',
    'RFC 5246 7.2',
    'full',
    after('data', record('alert', [1, 90, 1, 90])),
    'decode_error',
  ],
  ['an empty alert', 'RFC 5246 6.2.1', 'full', after('data', record('alert', noBytes)), unexpected],
  [
    'close_notify in the handshake',
    'RFC 5246 7.2.1',
    'full',
    before('Tls12Certificate', record('alert', [1, 0])),
    'received close_notify',
  ],
  [
    'an alert in the clear when there are keys',
    'RFC 5246 6.2.3',
    'full',
    after('data', record('alert', [2, 40], { under: 'plaintext' })),
    'bad_record_mac',
  ],
  [
    'nothing more behind Finished',
    'RFC 5246 7.2.1',
    'full',
    all(without('data'), (steps) => steps.slice(0, -1)),
    'established',
  ],
  ['an empty flight', 'RFC 5246 7.3', 'full', () => [turn], 'in the handshake'],
];
