import type { X509Certificate } from 'node:crypto';
import type {
  CipherNameAndProtocol,
  DetailedPeerCertificate,
  EphemeralKeyInfo,
  PeerCertificate,
} from 'node:tls';
import type { HandshakeInfo } from '../connection/events.ts';
import { peerCertificate, peerX509Certificate } from './certificates.ts';
import { sslError } from './errors.ts';
import { issuersOf } from './issuers.ts';
import { describeSuite, ephemeralKeys, sharedSignatureNames } from './openssl-names.ts';
import { OverSocket } from './over-socket.ts';
import type { ContextMaterial } from './secure-context.ts';
import { requireObject, requireType } from './validation.ts';
import { x509Of } from './x509.ts';

/** What a socket can be asked about. */
export interface Known {
  readonly isServer: boolean;
  /** Undefined before the handshake is done. */
  readonly info: HandshakeInfo | undefined;
  readonly material: ContextMaterial;
}

/** The questions that `tls.TLSSocket` answers about its connection. */
export abstract class InspectedSocket extends OverSocket {
  protected abstract known(): Known;

  isSessionReused(): boolean {
    return this.known().info?.resumed ?? false;
  }

  getProtocol(): string | null {
    return this.known().info?.protocolVersion ?? null;
  }

  getCipher(): CipherNameAndProtocol {
    const { info } = this.known();
    return (info && describeSuite(info.cipherSuite)) as CipherNameAndProtocol;
  }

  getEphemeralKeyInfo(): EphemeralKeyInfo | object | null {
    const { isServer, info } = this.known();
    if (isServer) return null;
    return info?.group === undefined ? {} : ephemeralKeys[info.group];
  }

  /** The verify_data of our Finished, once the handshake is done. TLS 1.3 has exporters for channel bindings (RFC 9266). */
  getFinished(): Buffer | undefined {
    const { info } = this.known();
    return info && Buffer.from(info.finished.sent);
  }

  /** The verify_data of the peer's Finished, once the handshake is done. */
  getPeerFinished(): Buffer | undefined {
    const { info } = this.known();
    return info && Buffer.from(info.finished.received);
  }

  /** What both sides sign with, by OpenSSL's names; empty on a client that was not asked for a certificate. */
  getSharedSigalgs(): string[] {
    const { isServer, info, material } = this.known();
    return sharedSignatureNames(
      info?.peerAcceptedSchemes ?? [],
      material.algorithms.signatureSchemes,
      isServer,
    );
  }

  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: false): PeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate;
  getPeerCertificate(detailed = false): PeerCertificate | DetailedPeerCertificate {
    const { isServer, info, material } = this.known();
    const issuers = issuersOf(material, isServer ? 'client' : 'server');
    return peerCertificate(info?.peerCertificates ?? [], detailed, issuers);
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return peerX509Certificate(this.known().info?.peerCertificates ?? []);
  }

  getCertificate(): PeerCertificate | object | null {
    const chain = this.known().material.identities[0]?.chain;
    return chain === undefined ? {} : peerCertificate(chain, false);
  }

  getX509Certificate(): X509Certificate | undefined {
    const der = this.known().material.identities[0]?.chain[0];
    return der && x509Of(der);
  }

  /** There is no renegotiation, in any version: it has no place in TLS 1.3, and is not safe in TLS 1.2. */
  disableRenegotiation(): void {}

  /** As in Node under TLS 1.3: `callback` gets an error in a later turn. @returns false */
  renegotiate(options: object, callback?: (error: Error | null) => void): boolean | undefined {
    requireObject('options', options);
    if (callback !== undefined) requireType('callback', callback, 'function');
    if (this.destroyed) return undefined;
    const { info } = this.known();
    const error =
      info?.protocolVersion === 'TLSv1.2'
        ? sslError('no renegotiation', 'Tacit has none in TLS 1.2')
        : sslError('wrong ssl version', 'TLS 1.3 has no renegotiation');
    if (callback !== undefined) process.nextTick(callback, error);
    return false;
  }
}
