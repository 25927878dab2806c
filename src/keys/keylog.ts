import { toHex } from '../base/bytes.ts';

/**
 * One line for an SSLKEYLOGFILE, without the line end (RFC 9850 §2).
 *
 * @param label such as `CLIENT_HANDSHAKE_TRAFFIC_SECRET` or `SERVER_TRAFFIC_SECRET_0`
 * @param clientRandom the 32 bytes of the ClientHello's random
 */
export function keyLogLine(label: string, clientRandom: Uint8Array, secret: Uint8Array): string {
  return `${label} ${toHex(clientRandom)} ${toHex(secret)}`;
}
