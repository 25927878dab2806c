import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
  type ServerHello,
} from '../../src/wire/hello.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeFinished,
  encodeNewSessionTicket,
} from '../../src/wire/messages.ts';
import { handshakeTypeName } from '../../src/wire/names.ts';
import { fromHex } from '../support/hex.ts';
import { sharedData } from '../support/shared-data.ts';

interface Step {
  readonly step: string;
  readonly values: readonly { readonly name: string; readonly hex?: string }[];
}

const data = sharedData('tls13-traces.json') as { traces: Record<string, readonly Step[]> } | undefined;

const again: Readonly<Record<string, (body: Uint8Array) => Uint8Array>> = {
  client_hello: (body) => encodeClientHello(decodeClientHello(body)),
  server_hello: (body) => encodeServerHello(decodeServerHello(body) as ServerHello),
  encrypted_extensions: (body) => encodeEncryptedExtensions(decodeEncryptedExtensions(body)),
  certificate_request: (body) => encodeCertificateRequest(decodeCertificateRequest(body)),
  certificate: (body) => encodeCertificate(decodeCertificate(body)),
  certificate_verify: (body) => encodeCertificateVerify(decodeCertificateVerify(body)),
  finished: (body) => encodeFinished(decodeFinished(body, 32)),
  new_session_ticket: (body) => encodeNewSessionTicket(decodeNewSessionTicket(body)),
  end_of_early_data: (body) => Uint8Array.of(5, 0, 0, body.length),
};

describe.skipIf(!data)('every message of the published connections encodes back to the same bytes', () => {
  it.each([
    ['simple-1rtt', 8],
    ['resumed-0rtt', 6],
    ['hello-retry-request', 9],
    ['client-auth', 10],
    ['compatibility-mode', 7],
  ])('%s', (name, count) => {
    const steps = data?.traces[name] ?? [];
    const [binder] = valuesOf(steps, 'calculate PSK binder').slice(-1);
    // The ClientHello with a PSK is given without its binders.
    const messages = valuesOf(steps, 'construct a').map((message) =>
      isWhole(message) ? message : concatBytes(message, fromHex('0021 20'), binder ?? noBytes),
    );
    expect(messages.length).toBe(count);
    for (const message of messages) {
      const type = handshakeTypeName(message[0] ?? 0);
      expect(again[type]?.(message.subarray(4)), type).toEqual(message);
    }
  });
});

function valuesOf(steps: readonly Step[], kind: string): Uint8Array[] {
  const values = steps.filter(({ step }) => step.startsWith(kind)).flatMap((step) => step.values);
  return values.flatMap(({ hex }) => (hex === undefined ? [] : [fromHex(hex)]));
}

function isWhole(message: Uint8Array): boolean {
  const [, high = 0, middle = 0, low = 0] = message;
  return message.length === 4 + high * 65_536 + middle * 256 + low;
}
