import { equalBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxCompressedPerChain, maxMessageSizes } from '../base/limits.ts';
import type { CertificateCompression } from '../crypto/provider.ts';
import { decodeCompressedCertificate, encodeCompressedCertificate } from '../wire/compressed-certificate.ts';
import { messageHeaderLength, type RawMessage } from '../wire/message.ts';
import { certificateCompressionCodes, type HandshakeType, handshakeTypes } from '../wire/names.ts';
import type { EndpointConfig } from './config.ts';
import type { Identity } from './identity.ts';

type CompressionConfig = Pick<EndpointConfig, 'certificateCompression' | 'provider'>;

/** Our compress_certificate, for a ClientHello or a CertificateRequest (RFC 8879 §3). */
export function offeredCompression(config: CompressionConfig): readonly number[] | undefined {
  const { certificateCompression: names } = config;
  return names.length > 0 ? names.map((name) => certificateCompressionCodes[name]) : undefined;
}

/** The messages in which a peer's certificate may come: compressed only where we have offered that. */
export function certificateMessages(config: CompressionConfig): readonly HandshakeType[] {
  return config.certificateCompression.length > 0
    ? ['certificate', 'compressed_certificate']
    : ['certificate'];
}

/**
 * The Certificate message that came, plain or compressed: its body is judged the same (RFC 8879 §5). Its bytes are the
 * ones that came, as they belong into the transcript.
 */
export function uncompressed(config: CompressionConfig, message: RawMessage): RawMessage {
  if (message.type !== handshakeTypes.compressed_certificate) return message;
  const { algorithm, uncompressedLength: length, compressed } = decodeCompressedCertificate(message.body);
  const name = config.certificateCompression.find((ours) => certificateCompressionCodes[ours] === algorithm);
  if (!name) {
    throw peerError(
      'illegal_parameter',
      `CompressedCertificate has algorithm ${algorithm}, which was not offered`,
    );
  }
  // The same bound as without compression (RFC 8879 §5), before anything is done.
  const limit = maxMessageSizes[handshakeTypes.certificate] ?? 0;
  if (length > limit) {
    throw peerError(
      'bad_certificate',
      `CompressedCertificate announces ${length} bytes; at most ${limit} are allowed`,
    );
  }
  const body = config.provider.compressors[name]?.decompress(compressed, length);
  if (!body) {
    throw peerError('bad_certificate', `CompressedCertificate is no ${name} stream of ${length} bytes`);
  }
  return { ...message, type: handshakeTypes.certificate, body };
}

/** A Certificate message of this identity as it is sent: compressed where the peer takes that and it gets smaller. */
export function compressedFor(
  config: CompressionConfig,
  peerOffer: readonly number[] | undefined,
  identity: Identity,
  certificate: Uint8Array,
): Uint8Array {
  const name = config.certificateCompression.find((ours) =>
    peerOffer?.includes(certificateCompressionCodes[ours]),
  );
  if (!name) return certificate;
  const kept = keptFor(identity);
  const known = kept.find((one) => one.name === name && equalBytes(one.certificate, certificate));
  if (known) return known.message;
  const message = smaller(config, name, certificate);
  kept.unshift({ name, certificate, message });
  kept.length = Math.min(kept.length, maxCompressedPerChain);
  return message;
}

/** What a Certificate message became. */
interface Kept {
  readonly name: CertificateCompression;
  readonly certificate: Uint8Array;
  /** The same once more where it did not get smaller. */
  readonly message: Uint8Array;
}

/** By their chains: a function that chooses identities may make a new one around the same chain for each client. */
const keptByChain = new WeakMap<object, Kept[]>();

function keptFor({ chain }: Identity): Kept[] {
  const kept = keptByChain.get(chain) ?? [];
  keptByChain.set(chain, kept);
  return kept;
}

function smaller(
  { provider }: CompressionConfig,
  name: CertificateCompression,
  certificate: Uint8Array,
): Uint8Array {
  const body = certificate.subarray(messageHeaderLength);
  const compressed = provider.compressors[name]?.compress(body);
  if (!compressed) return certificate;
  const message = encodeCompressedCertificate({
    algorithm: certificateCompressionCodes[name],
    uncompressedLength: body.length,
    compressed,
  });
  return message.length < certificate.length ? message : certificate;
}
