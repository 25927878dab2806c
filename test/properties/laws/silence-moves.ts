import fc from 'fast-check';
import { contentTypes, type ProtocolVersion } from '../../../src/wire/names.ts';
import {
  message,
  newSessionTicket,
  type ProtectedRecords,
  plaintextRecord,
  RawRecords,
} from '../../support/raw-peer.ts';

/** What a peer does. */
export type Move =
  | { readonly kind: 'data'; readonly bytes: number; readonly padding: number }
  | { readonly kind: 'keyUpdate'; readonly isRequest: boolean }
  | { readonly kind: 'renegotiation' }
  | { readonly kind: 'ticket' | 'userCanceled' | 'closeNotify' | 'refusal' }
  | { readonly kind: 'forged' | 'unprotected' | 'longAlert' | 'emptyHandshake' | 'twoMessages' }
  | { readonly kind: 'message'; readonly type: number; readonly bytes: number };

const keyUpdates = fc.record({ kind: fc.constant('keyUpdate' as const), isRequest: fc.boolean() });

/** What comes often means nothing, whoever sends it; in TLS 1.2 a ticket does not. */
const usual: Readonly<Record<ProtocolVersion, readonly fc.WeightedArbitrary<Move>[]>> = {
  'TLSv1.3': [
    { weight: 40, arbitrary: keyUpdates },
    { weight: 3, arbitrary: kinds('ticket', 'userCanceled') },
  ],
  'TLSv1.2': [
    { weight: 40, arbitrary: kinds('renegotiation') },
    { weight: 3, arbitrary: kinds('userCanceled') },
    { weight: 1, arbitrary: fc.oneof(kinds('ticket'), keyUpdates) },
  ],
};

/** What a peer that speaks this version may do. */
export const moves = (version: ProtocolVersion): fc.Arbitrary<Move> =>
  fc.oneof(
    {
      weight: 40,
      arbitrary: fc.record({
        kind: fc.constant('data' as const),
        bytes: fc.integer({ min: 0, max: 900 }),
        padding: fc.integer({ min: 0, max: 40 }),
      }),
    },
    ...usual[version],
    { weight: 1, arbitrary: kinds('closeNotify', 'refusal') },
    { weight: 1, arbitrary: kinds('forged', 'unprotected', 'longAlert', 'emptyHandshake', 'twoMessages') },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('message' as const),
        type: fc.constantFrom(0, 1, 2, 5, 8, 11, 13, 15, 20, 24, 99),
        bytes: fc.integer({ min: 0, max: 60 }),
      }),
    },
  );

/** A move on the wire. @param role of who reads it */
export function wireOf(move: Move, raw: ProtectedRecords, role: 'client' | 'server'): Uint8Array {
  switch (move.kind) {
    case 'data':
      return raw.record(contentTypes.application_data, new Uint8Array(move.bytes).fill(120), move.padding);
    case 'keyUpdate':
      if (!(raw instanceof RawRecords)) return raw.handshake(message(24, Uint8Array.of(0)));
      return raw.keyUpdate(move.isRequest ? 'update_requested' : 'update_not_requested');
    case 'renegotiation':
      return raw.handshake(
        role === 'client' ? message(0, new Uint8Array(0)) : message(1, new Uint8Array(60)),
      );
    case 'ticket':
      return raw.handshake(newSessionTicket());
    case 'userCanceled':
      return raw.alert('user_canceled', 1);
    case 'closeNotify':
      return raw.alert('close_notify', 1);
    case 'refusal':
      return raw.alert('certificate_required');
    case 'forged':
      return plaintextRecord(contentTypes.application_data, new Uint8Array(40));
    case 'unprotected':
      return plaintextRecord(contentTypes.handshake, new Uint8Array(4));
    case 'longAlert':
      return raw.record(contentTypes.alert, new Uint8Array(3));
    case 'emptyHandshake':
      return raw.record(contentTypes.handshake, new Uint8Array(0));
    case 'twoMessages':
      return raw.handshake(message(24, Uint8Array.of(1)), message(24, Uint8Array.of(0)));
    case 'message':
      return raw.handshake(message(move.type, new Uint8Array(move.bytes)));
  }
}

function kinds<Kind extends string>(...of: readonly Kind[]): fc.Arbitrary<{ readonly kind: Kind }> {
  return fc.constantFrom(...of).map((kind) => ({ kind }));
}
