import {
  alertMeaning,
  type CertificateCheck,
  TlsCertificateError,
  TlsPeerError,
  type TlsStream,
  TlsTimeoutError,
  TlsTruncatedError,
} from '../index.ts';
import { oneLine } from './arguments.ts';

/** What the system's error codes mean to somebody who sends or receives a file. */
const systemMeanings: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EADDRINUSE', 'another program listens on that port: choose one by --port, or 0 for any free one'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the connection was reset: the other side, or something between, cut it'],
  ['EHOSTUNREACH', 'there is no route to that host'],
  ['ENETUNREACH', 'there is no route to that network'],
  ['ENOENT', 'no such file or directory'],
  ['ENOSPC', 'the disk is full'],
  ['ENOTFOUND', 'there is no host of that name'],
  ['EAI_AGAIN', 'the name could not be looked up just now'],
  ['EPIPE', 'whoever was to read it had closed'],
  ['ETIMEDOUT', 'no answer came'],
]);

/** Ends a connection of which a part failed: not by close(), so that nobody takes what was sent for the whole. */
export function abandon(stream: TlsStream): void {
  // What fails for a TLS reason ends by itself, and gives the other side time to read the alert.
  if (stream.failure === undefined) stream.destroy();
}

/** What an option of `tacit send` can do about it. */
const certificateHints: Readonly<Partial<Record<CertificateCheck, string>>> = {
  unknown_issuer: '--ca FILE names a certificate to trust',
  name_mismatch: '--server-name NAME names the right one',
};

/** An error as one line for a person; an alert with its name and its usual meaning. */
export function describeFailure(error: unknown): string {
  return oneLine(describe(error).replace(/\s*\n\s*/g, ' '));
}

function describe(error: unknown): string {
  if (error instanceof TlsPeerError) {
    // No refusal: an end before its time, of the handshake or, in TLS 1.2, of both directions.
    if (error.direction === 'received' && error.alert === 'close_notify') return error.message;
    const alert = describeAlert(error);
    return error.direction === 'received'
      ? `the other side refused: ${alert}`
      : `the other side was refused: ${alert}; ${error.message}`;
  }
  if (error instanceof TlsCertificateError) {
    const hint = certificateHints[error.check];
    const reason = hint === undefined ? error.message : `${error.message} (${hint})`;
    return `the other side's certificate was refused (${error.check}): ${reason}`;
  }
  if (error instanceof TlsTruncatedError) return 'the connection ended without close_notify';
  if (error instanceof TlsTimeoutError) return `the ${error.deadline} took too long: ${error.message}`;
  const code = systemCode(error);
  const meaning = code === undefined ? undefined : systemMeanings.get(code);
  if (meaning !== undefined) return `${meaning} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

function describeAlert(error: TlsPeerError): string {
  const meaning = alertMeaning(error.alert);
  return meaning === undefined ? error.alert : `${error.alert}, ${meaning}`;
}

function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
