import { copyBytes, noBytes, wipe } from '../base/bytes.ts';
import { TlsUsageError } from '../base/errors.ts';
import type { EndpointConfig } from '../handshake/config.ts';
import type { HandshakeOutcome } from '../handshake/outcome.ts';
import { exportKeyingMaterial } from '../keys/key-schedule.ts';
import { tls12ExportKeyingMaterial } from '../keys/tls12-key-schedule.ts';
import { messageHeaderLength, type RawMessage } from '../wire/message.ts';
import { handshakeTypes } from '../wire/names.ts';
import type { HandshakeInfo } from './events.ts';

/** The verify_data of both Finished messages of a handshake, as they pass. */
export class FinishedMessages {
  #sent: Uint8Array = noBytes;
  #received: Uint8Array = noBytes;

  noteSent(message: Uint8Array): Uint8Array {
    if (message[0] === handshakeTypes.finished) this.#sent = message.slice(messageHeaderLength);
    return message;
  }

  noteReceived(message: RawMessage): RawMessage {
    if (message.type === handshakeTypes.finished) this.#received = copyBytes(message.body);
    return message;
  }

  get verifyData(): HandshakeInfo['finished'] {
    return { sent: this.#sent, received: this.#received };
  }
}

/** What a handshake agreed on. */
export function infoOf(outcome: HandshakeOutcome, { verifyData }: FinishedMessages): HandshakeInfo {
  const { protocolVersion } = outcome;
  return {
    protocolVersion,
    cipherSuite: outcome.suite.name,
    group: outcome.group,
    peerSignatureScheme: outcome.peerSignatureScheme,
    peerAcceptedSchemes: outcome.peerAcceptedSchemes,
    finished: verifyData,
    alpnProtocol: outcome.alpnProtocol,
    serverName: outcome.serverName,
    resumed: outcome.resumed,
    helloRetryRequest: protocolVersion === 'TLSv1.3' && outcome.helloRetryRequest,
    extendedMasterSecret: protocolVersion === 'TLSv1.3' || outcome.extendedMasterSecret,
    peerCertificates: outcome.peerCertificates,
    peerRawPublicKey: outcome.peerRawPublicKey,
    authenticatedAt: outcome.authenticatedAt,
  };
}

/** Keying material for another protocol. @throws TlsUsageError where a handshake of TLS 1.2 gives none */
export function exportFrom(
  outcome: HandshakeOutcome,
  { provider }: EndpointConfig,
  label: string,
  context: Uint8Array | undefined,
  length: number,
): Uint8Array {
  const { hash } = outcome.suite;
  if (outcome.protocolVersion === 'TLSv1.3') {
    const { exporterSecret } = outcome;
    // No context is as good as an empty one (RFC 9846 §7.5).
    return exportKeyingMaterial(provider, hash, exporterSecret, label, context ?? new Uint8Array(0), length);
  }
  const { masterSecret, randoms, extendedMasterSecret } = outcome;
  if (!extendedMasterSecret) {
    throw new TlsUsageError(
      'keying material needs the extended master secret, which the peer does not have (RFC 7627 §5.4)',
    );
  }
  return tls12ExportKeyingMaterial(provider, hash, masterSecret, randoms, label, context, length);
}

/** Nothing can be exported any more. */
export function wipeExporter(outcome: HandshakeOutcome | undefined): void {
  if (outcome) wipe(outcome.protocolVersion === 'TLSv1.3' ? outcome.exporterSecret : outcome.masterSecret);
}

/** Nothing comes of it: the connection had ended before the handshake was done. */
export function wipeOutcome(outcome: HandshakeOutcome): void {
  wipeExporter(outcome);
  if (outcome.protocolVersion === 'TLSv1.3') wipe(outcome.resumptionSecret);
}

/** No session can come out of a client's handshake any more. A server's secret is its `TicketIssuer`'s. */
export function wipeResumption(outcome: HandshakeOutcome | undefined): void {
  if (outcome?.protocolVersion === 'TLSv1.3' && outcome.resumption.side === 'client')
    wipe(outcome.resumptionSecret);
}
