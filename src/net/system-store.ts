import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { certificatesWithin } from './pem.ts';

/** What was found in the operating system's store, and where it was looked for. */
export interface SystemStore {
  /** DER. */
  readonly certificates: readonly Uint8Array[];
  /** For error texts. */
  readonly places: readonly string[];
}

interface StorePlaces {
  /** Bundles, of which the first that can be read is. */
  readonly files: readonly string[];
  /** All of which are read. */
  readonly directories: readonly string[];
}

/** In bytes: the largest stores have some hundreds of kilobytes. */
const maxStoreFile = 2 ** 24;

/** In place of an error code. */
const notAFile = 'not a file of at most 16 MiB';

/** In Latin-1: some editors put it ahead of all that they save. */
const byteOrderMark = /^\u00ef\u00bb\u00bf/;

/** The places that Go's crypto/x509 knows. */
const linux: StorePlaces = {
  files: [
    '/etc/ssl/certs/ca-certificates.crt', // Debian, Gentoo, Arch
    '/etc/pki/tls/certs/ca-bundle.crt', // Fedora
    '/etc/ssl/ca-bundle.pem', // openSUSE
    '/etc/pki/tls/cacert.pem', // OpenELEC
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // RHEL
    '/etc/ssl/cert.pem', // Alpine
  ],
  directories: ['/etc/ssl/certs', '/etc/pki/tls/certs'],
};

const bsd: StorePlaces = {
  files: [
    '/usr/local/etc/ssl/cert.pem', // FreeBSD
    '/etc/ssl/cert.pem', // OpenBSD
    '/usr/local/share/certs/ca-root-nss.crt', // DragonFly
    '/etc/openssl/certs/ca-certificates.crt', // NetBSD
  ],
  directories: ['/etc/ssl/certs', '/usr/local/share/certs', '/etc/openssl/certs'],
};

/** Where the store is files. */
const platforms: Partial<Record<NodeJS.Platform, StorePlaces>> = {
  linux,
  freebsd: bsd,
  openbsd: bsd,
  netbsd: bsd,
};

/** Node 22.15 and later. The types are those of Node 20. */
function nodesReader(): ((type: 'system') => readonly string[]) | undefined {
  return (tls as { getCACertificates?: (type: 'system') => readonly string[] }).getCACertificates;
}

/** @throws TlsUsageError where nobody can read the store */
export function requireSystemStore(what: string): void {
  if (platforms[process.platform] !== undefined || nodesReader() !== undefined) return;
  throw new TlsUsageError(
    `${what}: the system's store cannot be read with Node ${process.versions.node} on ${process.platform}; use Node 22.15 or later, or give the certificates themselves`,
  );
}

/**
 * Reads the system's store. Where it is files, Tacit reads them itself, by the rules of OpenSSL and Go: Node's own
 * reader drops what is behind the first certificate of a file that it cannot read, and takes a list of directories
 * for one.
 */
export function readSystemStore(): SystemStore {
  const known = platforms[process.platform];
  if (known !== undefined) return readPlaces(known, process.env);
  const texts = nodesReader()?.('system') ?? [];
  return {
    certificates: texts.flatMap((text) => certificatesWithin(text)),
    places: [`what Node takes for the store on ${process.platform}`],
  };
}

function readPlaces(known: StorePlaces, environment: NodeJS.ProcessEnv): SystemStore {
  const { SSL_CERT_FILE: ownFile, SSL_CERT_DIR: ownDirectories } = environment;
  const files = ownFile === undefined ? known.files : [ownFile];
  const directories = ownDirectories === undefined ? known.directories : ownDirectories.split(':');
  const certificates: Uint8Array[] = [];
  const places: string[] = [];
  const look = (place: string, read: () => readonly Uint8Array[]): boolean => {
    // An empty variable names no place, as with OpenSSL.
    if (place === '') return false;
    try {
      for (const certificate of read()) certificates.push(certificate);
      places.push(place);
      return true;
    } catch (error) {
      places.push(`${place} (${absence(error)})`);
      return false;
    }
  };
  files.some((file) => look(file, () => certificatesInFile(file)));
  for (const directory of directories) look(directory, () => certificatesInDirectory(directory));
  return { certificates, places };
}

/** What a file that is not there says. @throws TlsUsageError for what passes: a store that was read in part would be kept in part */
function absence(error: unknown): string {
  const { code = 'unreadable' } = error as NodeJS.ErrnoException;
  if (absences.has(code)) return code;
  if (error instanceof TlsUsageError) throw error;
  throw new TlsUsageError(
    `ca: the system's store cannot be read (${code}); the next connection tries again`,
    { cause: error },
  );
}

const absences: ReadonlySet<string> = new Set([
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM'],
  notAFile,
]);

function certificatesInFile(path: string): readonly Uint8Array[] {
  const stat = statSync(path);
  // Reading a pipe would wait for its writer; and no store has so much.
  if (!stat.isFile() || stat.size > maxStoreFile)
    throw Object.assign(new Error(`${path} is no file of a store`), { code: notAFile });
  return certificatesWithin(readFileSync(path, 'latin1').replace(byteOrderMark, ''));
}

/** Directories hold other things too; what cannot be read is none of the certificates. */
function certificatesInDirectory(directory: string): readonly Uint8Array[] {
  const names = readdirSync(directory).sort();
  return names.flatMap((name) => {
    try {
      return certificatesInFile(join(directory, name));
    } catch (error) {
      absence(error);
      return [];
    }
  });
}
