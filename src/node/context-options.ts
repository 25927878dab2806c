import type { SecureContextOptions } from 'node:tls';
import { nodeError } from './errors.ts';
import { invalidType, invalidValue, requireInteger, requireTypeIfAny } from './validation.ts';

const engines = ['clientCertEngine', 'privateKeyEngine', 'privateKeyIdentifier'] as const;

/**
 * What `tls.createSecureContext` refuses before it reads anything, in its words.
 * @throws Error with Node's codes
 */
export function checkContextOptions(options: SecureContextOptions): void {
  for (const name of ['ca', 'cert', 'crl'] as const)
    for (const part of listed(options[name])) requirePem(`options.${name}`, part);
  if (isGiven(options.dhparam)) requirePem('options.dhparam', options.dhparam);
  const keys = listed(options.key);
  for (const key of keys) {
    // With a passphrase of its own, in a list only.
    const pair = Array.isArray(options.key) ? (key as { pem?: unknown; passphrase?: unknown } | null) : null;
    const isPaired = pair?.pem !== undefined;
    requirePem('options.key', isPaired ? pair.pem : key);
    if (isPaired) requireTypeIfAny('options.passphrase', pair.passphrase, 'string');
  }
  // That of a `pfx` may be bytes.
  if (keys.length > 0) requireTypeIfAny('options.passphrase', options.passphrase, 'string');
  for (const name of ['ciphers', 'ecdhCurve', 'sigalgs', 'sessionIdContext'] as const)
    requireTypeIfAny(`options.${name}`, options[name], 'string');
  if (options.ciphers && /^:+$/.test(options.ciphers))
    throw invalidValue('options.ciphers', 'is invalid', options.ciphers.split(':'));
  if (options.sigalgs === '') throw invalidValue('options.sigalgs', 'is invalid', '');
  checkEngines(options);
  checkVersions(options);
  if (isGiven(options.sessionTimeout))
    requireInteger('options.sessionTimeout', options.sessionTimeout, 0, 2 ** 31 - 1);
  // As Node, which adds these to other bits: what is false is nothing.
  if (options.secureOptions)
    requireInteger('secureOptions', options.secureOptions, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (isGiven(options.ticketKeys)) requireTicketKeys(options.ticketKeys);
}

/** @throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`) but for 48 bytes */
function requireTicketKeys(keys: unknown): void {
  const name = 'options.ticketKeys';
  if (!ArrayBuffer.isView(keys)) throw invalidType(name, bytesOrViews, keys);
  if (keys.byteLength !== 48) throw invalidValue(name, 'must be exactly 48 bytes', keys.byteLength);
}

const bytesOrViews = 'an instance of Buffer, TypedArray, or DataView';

function checkEngines(options: SecureContextOptions): void {
  for (const name of engines) {
    const value: unknown = options[name];
    if (!isGiven(value)) continue;
    if (typeof value !== 'string')
      throw invalidType(`options.${name}`, 'of type string or one of null or undefined', value);
  }
  if (engines.some((name) => isGiven(options[name]))) {
    throw nodeError('ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED', 'Custom engines not supported by this OpenSSL');
  }
}

function checkVersions({ minVersion, maxVersion, secureProtocol }: SecureContextOptions): void {
  for (const [which, version] of [
    ['minimum', minVersion],
    ['maximum', maxVersion],
  ] as const) {
    if (isGiven(version) && secureProtocol !== undefined && secureProtocol !== null)
      throw nodeError(
        'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
        `TLS protocol version ${JSON.stringify(version)} conflicts with secureProtocol ${JSON.stringify(secureProtocol)}`,
      );
    if (isGiven(version) && !/^TLSv1(\.[123])?$/.test(String(version)))
      throw nodeError(
        'ERR_TLS_INVALID_PROTOCOL_VERSION',
        `"${String(version)}" is not a valid ${which} TLS protocol version`,
      );
  }
}

function requirePem(name: string, value: unknown): void {
  if (typeof value !== 'string' && !ArrayBuffer.isView(value))
    throw invalidType(name, `of type string or ${bytesOrViews}`, value);
}

/** What is false is nothing, as in Node. */
function listed(value: unknown): readonly unknown[] {
  if (!value) return [];
  return Array.isArray(value) ? value : [value];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
