import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { alertFor, TlsError } from '../../src/base/errors.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { nameOfMessage, structureOf } from '../../test/hostile/support/structure.ts';
import { recode } from '../../test/support/recode.ts';
import { demand, type Target } from '../engine/target.ts';
import { mutateMessage } from '../support/message-mutations.ts';

const decoded: ReadonlySet<number> = new Set([
  handshakeTypes.client_hello,
  handshakeTypes.server_hello,
  handshakeTypes.new_session_ticket,
  handshakeTypes.encrypted_extensions,
  handshakeTypes.certificate,
  handshakeTypes.certificate_request,
  handshakeTypes.certificate_verify,
  handshakeTypes.finished,
  handshakeTypes.key_update,
  handshakeTypes.compressed_certificate,
]);

/** What a message that does not parse may be told, and what a ServerHello of an older version may be, or a flood. */
const alerts = [
  'decode_error',
  'illegal_parameter',
  'protocol_version',
  'missing_extension',
  'bad_certificate',
];

/**
 * A handshake message: what its decoder takes encodes to the same bytes, and is laid out as the RFC says, which is
 * written down once more in `structureOf`.
 */
export const messages: Target = {
  maxLength: 20_000,
  maxTime: 200,
  mutate: (input, random, other) => mutateMessage(whole(input), random, whole(other)),
  run(input) {
    const message = whole(input);
    if (!decoded.has(message[0]!)) return;
    let again: Uint8Array;
    try {
      again = recode(message);
    } catch (error) {
      demand(
        error instanceof TlsError,
        `${nameOfMessage(message)} throws something else than a TlsError`,
        error,
      );
      demand(alerts.includes(alertFor(error) ?? 'none'), `${nameOfMessage(message)}: another alert`, error);
      return;
    }
    if (endsBeforeExtensions(message)) {
      // An older peer's, which ends there.
      demand(
        equalBytes(again.subarray(4), concatBytes(message.subarray(4), Uint8Array.of(0, 0))),
        'other bytes',
      );
      return;
    }
    demand(equalBytes(again, message), `${nameOfMessage(message)} encodes to other bytes`);
    // The walker knows the length of one hash only.
    if (message[0] !== handshakeTypes.finished) structureOf(message);
  },
};

/** With a header that tells the true length. */
function whole(input: Uint8Array): Uint8Array {
  const body = input.subarray(4);
  const { length } = body;
  return Uint8Array.of(input[0] ?? 1, length >> 16, (length >> 8) & 0xff, length & 0xff, ...body);
}

function endsBeforeExtensions(message: Uint8Array): boolean {
  const suites = 4 + 34 + 1 + (message[38] ?? 0);
  if (message[0] === handshakeTypes.server_hello) return suites + 3 === message.length;
  if (message[0] !== handshakeTypes.client_hello) return false;
  const methods = suites + 2 + message[suites]! * 256 + message[suites + 1]!;
  return methods + 1 + message[methods]! === message.length;
}
