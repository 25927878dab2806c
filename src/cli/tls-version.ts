import { UsageError } from './arguments.ts';

/** A version of TLS as `--tls` takes it. */
export type TlsVersion = '1.2' | '1.3';

/** What `--tls` says; undefined where it was not given. @throws {UsageError} any other version */
export function parseTlsVersion(text: string | undefined): TlsVersion | undefined {
  if (text === undefined || text === '1.2' || text === '1.3') return text;
  throw new UsageError(`--tls takes 1.2 or 1.3, not '${text}'`);
}

/** Settings of Tacit and of `node:tls`, which have the same names. */
export interface VersionSettings {
  readonly minVersion?: `TLSv${TlsVersion}`;
  readonly maxVersion?: `TLSv${TlsVersion}`;
}

/** The settings of whoever speaks `version` and no other; where it is undefined, none, so that both are spoken. */
export function onlyVersion(version: TlsVersion | undefined): VersionSettings {
  return version === undefined ? {} : { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` };
}
