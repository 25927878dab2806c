import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import {
  maxCiphertext,
  maxEmptyRecordsInARow,
  maxInnerPlaintext,
  maxRecordContent,
} from '../../src/base/limits.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { newPair, summary } from '../support/engine.ts';
import { newSessionTicket, plaintextRecord, rawPeerOf } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;

describe.each(roles)('empty records, at a %s', (role) => {
  it('data of length 0 or only padding: 32 in a row pass without an event, 33 do not', async () => {
    const { raw } = await rawPeerOf(role);
    for (let i = 0; i < maxEmptyRecordsInARow; i++) {
      const turn = raw.deliver(raw.data('', i % 2 === 0 ? 0 : 100));
      expect(turn).toMatchObject({ events: [], output: noBytes });
    }
    expect(raw.hear(raw.deliver(raw.data('', 1)))).toEqual(['fatal unexpected_message']);
  });

  it('are counted anew behind data', async () => {
    const { raw } = await rawPeerOf(role);
    for (let i = 0; i < 3; i++) {
      const empty = Array.from({ length: maxEmptyRecordsInARow }, () => raw.data(''));
      expect(summary(raw.deliver(...empty, raw.data('x')).events)).toEqual(['data "x"']);
    }
  });

  it.each([
    ['handshake', contentTypes.handshake],
    ['alert', contentTypes.alert],
  ])('an empty %s record is an unexpected_message, with padding too', async (_, type) => {
    for (const padding of [0, 10]) {
      const { raw } = await rawPeerOf(role);
      const turn = raw.deliver(raw.record(type, noBytes, padding));
      expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
    }
  });

  it.each([1, 100, maxInnerPlaintext])('all zeros, %d of them: unexpected_message', async (count) => {
    const { raw } = await rawPeerOf(role);
    // Content type 0 is a zero like those behind it.
    const turn = raw.deliver(raw.record(0, noBytes, count - 1));
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it.each([
    ['handshake', contentTypes.handshake],
    ['alert', contentTypes.alert],
  ])('an empty unprotected %s record is an unexpected_message', async (_, type) => {
    const { [role]: endpoint } = await newPair();
    endpoint.turn();
    expect(summary(endpoint.receive(plaintextRecord(type, noBytes)).events)).toEqual([
      'failed unexpected_message',
    ]);
  });
});

describe.each(roles)('record_overflow, at a %s', (role) => {
  it('an inner plaintext of 2^14+1 bytes passes: content, or content and padding', async () => {
    const { raw } = await rawPeerOf(role);
    const full = raw.deliver(raw.data('x'.repeat(maxRecordContent)));
    expect(full.events).toMatchObject([{ type: 'data' }]);
    const padded = raw.deliver(raw.data('x', maxRecordContent - 1));
    expect(summary(padded.events)).toEqual(['data "x"']);
  });

  it.each([
    ['content', 'x'.repeat(maxRecordContent + 1), 0],
    ['padding', 'x', maxRecordContent],
    ['nothing but padding', '', maxRecordContent + 1],
  ])('one byte more does not: %s', async (_, text, padding) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.data(text, padding));
    expect(summary(turn.events)).toEqual(['failed record_overflow']);
    expect(raw.hear(turn)).toEqual(['fatal record_overflow']);
  });

  it('is seen in the header, before the body is there: 2^14+256 is the most', async () => {
    const fits = await rawPeerOf(role);
    expect(summary(fits.raw.deliver(header(contentTypes.application_data, maxCiphertext)).events)).toEqual(
      [],
    );
    const tooLong = await rawPeerOf(role);
    const turn = tooLong.raw.deliver(header(contentTypes.application_data, maxCiphertext + 1));
    expect(tooLong.raw.hear(turn)).toEqual(['fatal record_overflow']);
  });

  it.each([
    ['handshake', contentTypes.handshake],
    ['alert', contentTypes.alert],
  ])('an unprotected %s record may have 2^14 bytes', async (_, type) => {
    const fits = await newPair();
    fits[role].turn();
    expect(summary(fits[role].receive(header(type, maxRecordContent)).events)).toEqual([]);
    const tooLong = await newPair();
    tooLong[role].turn();
    const turn = tooLong[role].receive(header(type, maxRecordContent + 1));
    expect(summary(turn.events)).toEqual(['failed record_overflow']);
  });
});

describe.each(roles)('records that mean nothing, at a %s', (role) => {
  it.each([0, 1, 19, 24, 255])('a protected record of type %d is an unexpected_message', async (type) => {
    const { raw } = await rawPeerOf(role);
    // A type byte of zero is taken for padding: the content's last byte is the type then.
    const turn = raw.deliver(raw.record(type, Uint8Array.of(99)));
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it.each([0, 19, 24, 72, 255])('an unprotected record of type %d is an unexpected_message', async (type) => {
    const { [role]: endpoint } = await newPair();
    endpoint.turn();
    const turn = endpoint.receive(plaintextRecord(type, Uint8Array.of(1)));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it('unprotected application data is an unexpected_message', async () => {
    const { [role]: endpoint } = await newPair();
    endpoint.turn();
    const turn = endpoint.receive(plaintextRecord(contentTypes.application_data, Uint8Array.of(1)));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it.each([contentTypes.handshake, contentTypes.alert])(
    'an unprotected record of type %d is refused',
    async (type) => {
      const { raw } = await rawPeerOf(role);
      const turn = raw.deliver(plaintextRecord(type, Uint8Array.of(1, 0)));
      expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
    },
  );

  it('legacy_record_version is ignored in what cannot be decrypted yet', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output.slice();
    hello.set([3, 0x7f], 1);
    expect(server.receive(hello).output.length).toBeGreaterThan(0);
  });

  it('a record that was altered, or comes twice, does not decrypt', async () => {
    const altered = await rawPeerOf(role);
    const record = altered.raw.data('data');
    record.set([(record.at(-1) ?? 0) ^ 1], record.length - 1);
    expect(altered.raw.hear(altered.raw.deliver(record))).toEqual(['fatal bad_record_mac']);
    const twice = await rawPeerOf(role);
    const again = twice.raw.data('data');
    const turn = twice.raw.deliver(again, again);
    expect(summary(turn.events)).toEqual(['data "data"', 'failed bad_record_mac']);
  });

  it.each([0, 1, 15, 16])('a protected record of %d bytes does not decrypt', async (length) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(plaintextRecord(contentTypes.application_data, new Uint8Array(length)));
    expect(raw.hear(turn)).toEqual(['fatal bad_record_mac']);
  });
});

it('no other record may come inside a handshake message, an empty one neither', async () => {
  const ticket = newSessionTicket();
  for (const text of ['x', '']) {
    const { raw } = await rawPeerOf('client');
    const turn = raw.deliver(
      raw.handshake(ticket.subarray(0, 5)),
      raw.data(text),
      raw.handshake(ticket.subarray(5)),
    );
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  }
});

it('data is an array of its own, which nobody changes later', async () => {
  const { target, raw } = await rawPeerOf('server');
  const wire = concatBytes(raw.data('first'), raw.data('second'));
  const { events } = target.receive(wire);
  wire.fill(0);
  raw.deliver(raw.data('third'));
  target.turn((engine) => engine.abandon());
  expect(summary(events)).toEqual(['data "first"', 'data "second"']);
});

function header(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, 3, 3, length >> 8, length & 0xff);
}
