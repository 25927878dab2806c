import { spawnSync } from 'node:child_process';

/** What OpenSSL's own program takes for the same primitives. */
export interface OpensslSpeed {
  /** Microseconds: two X25519 key pairs and secrets, one P-256 signature and three checks. */
  readonly handshake: number;
  /** Nanoseconds: a byte sealed and opened with AES-128-GCM, 16 KiB at a time. */
  readonly byte: number;
}

/** `openssl speed`; undefined where there is no such program. @param seconds for each primitive */
export function opensslSpeed(seconds: number): OpensslSpeed | undefined {
  const cipher = speed(seconds, '-evp', 'aes-128-gcm', '-bytes', '16384')?.match(/^\+F:[^\n]*:([\d.]+)$/m);
  const exchange = speed(seconds, 'ecdhx25519')?.match(/^\+F5:\d+:253:([\d.]+):[\d.]+$/m);
  const signature = speed(seconds, 'ecdsap256')?.match(/^\+F4:\d+:256:([\d.]+):([\d.]+)$/m);
  if (!cipher || !exchange || !signature) return undefined;
  const [sign, verify] = [1 / Number(signature[1]), 1 / Number(signature[2])];
  // A key pair costs about as much as a secret: both are one multiplication.
  const handshake = (4 / Number(exchange[1]) + sign + 3 * verify) * 1e6;
  return { handshake, byte: (2 / Number(cipher[1])) * 1e9 };
}

function speed(seconds: number, ...what: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('openssl', ['speed', '-mr', '-seconds', String(seconds), ...what], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout : undefined;
}
