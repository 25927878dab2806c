import type { Walker } from './structure.ts';

/** The bodies that differ in TLS 1.2, from RFC 5246 §7.4, RFC 8422 §5, RFC 5077 §3.3 and RFC 6066 §8. */
export const tls12Bodies: Readonly<Record<number, (walker: Walker, message: Uint8Array) => void>> = {
  2: (walker, message) => {
    walker.skip(34);
    walker.vector('session_id', 1);
    walker.skip(3);
    // A hello may end here.
    if (walker.offset < message.length) walker.extensionBlock(serverHelloExtensions);
  },
  4: (walker) => {
    walker.skip(4);
    walker.vector('ticket', 2);
  },
  11: (walker) => walker.list('certificate_list', 3, () => walker.vector('certificate', 3)),
  12: (walker) => {
    // A named curve.
    walker.skip(3);
    walker.vector('public', 1);
    walker.skip(2);
    walker.vector('signature', 2);
  },
  13: (walker) => {
    walker.vector('certificate_types', 1);
    walker.list('supported_signature_algorithms', 2, () => walker.skip(2));
    walker.list('certificate_authorities', 2, () => walker.vector('name', 2));
  },
  14: () => {},
  16: (walker) => walker.vector('public', 1),
  20: (walker) => walker.skip(12),
  22: (walker) => {
    walker.skip(1);
    walker.vector('response', 3);
  },
};

const serverHelloExtensions: Readonly<Record<number, (walker: Walker) => void>> = {
  11: (walker) => walker.vector('point formats', 1),
  16: (walker) => walker.list('protocol names', 2, () => walker.vector('protocol name', 1)),
  28: (walker) => walker.skip(2),
  65281: (walker) => walker.vector('renegotiated_connection', 1),
};
