import { TlsUsageError } from '../base/errors.ts';

/** One PEM block (RFC 7468): its label, and the text between the two boundary lines. */
export interface PemBlock {
  readonly label: string;
  readonly body: string;
}

const boundary = /^-----(BEGIN|END) ([!-,.-~]+(?:[ -][!-,.-~]+)*)-----$/;

/**
 * The blocks of a PEM text, in order. Text outside the blocks is explanation and is skipped (RFC 7468 §2).
 * @param what the option that the text came from, for error texts
 * @throws TlsUsageError where a block is not closed, or closed under another label
 */
export function pemBlocks(text: string, what: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, kind, found] = boundary.exec(line.trim()) ?? [];
    if (label === undefined) {
      if (kind === 'END')
        throw new TlsUsageError(`${what}: a PEM block ${named(found)} ends that never began`);
      label = found;
      body = [];
    } else if (kind === undefined) {
      body.push(line);
    } else if (kind === 'END' && found === label) {
      blocks.push({ label, body: body.join('\n') });
      label = undefined;
    } else {
      throw new TlsUsageError(`${what}: the PEM block ${named(label)} is not closed by its END line`);
    }
  }
  if (label !== undefined) {
    throw new TlsUsageError(`${what}: the PEM block ${named(label)} has no END line; is the text complete?`);
  }
  return blocks;
}

/** What a PEM text may hold. */
interface PemKind {
  readonly label: string;
  /** For error texts, of one and of several. */
  readonly one: string;
  readonly several: string;
  readonly advice: string;
}

const certificates: PemKind = {
  label: 'CERTIFICATE',
  one: 'a certificate',
  several: 'certificates',
  advice: 'give certificates and keys apart',
};

const revocationLists: PemKind = {
  label: 'X509 CRL',
  one: 'a revocation list',
  several: 'revocation lists',
  advice: 'give lists and certificates apart',
};

/**
 * The DER certificates of a PEM text that holds certificates only, in order; at least one.
 * @param what the option that the text came from, for error texts
 * @throws TlsUsageError for anything else: it names the block, never its content
 */
export function certificatesFromPem(text: string, what: string): readonly Uint8Array[] {
  return fromPem(text, certificates, what);
}

/**
 * The DER certificates in `source`: PEM as text or as bytes, or one DER certificate. Each in an array of its own.
 * @param what the option that `source` came from, for error texts
 */
export function certificatesFrom(source: string | Uint8Array, what: string): readonly Uint8Array[] {
  return from(source, certificates, what);
}

/**
 * The DER of all CERTIFICATE blocks in a text, X509 CERTIFICATE by an older name (RFC 7468 §5.1), which may hold anything
 * else too: what is cut off or no Base64 is passed over. OpenSSL's TRUSTED CERTIFICATE is another block: it may say that the
 * certificate is *not* trusted.
 */
export function certificatesWithin(text: string): readonly Uint8Array[] {
  return blocksWithin(text, '(?:X509 )?CERTIFICATE');
}

/**
 * The same with TRUSTED CERTIFICATE, for those that are read as anchors: where something stands behind the certificate,
 * such as for what it is not trusted, that is no certificate, and is refused there.
 */
export function authoritiesWithin(text: string): readonly Uint8Array[] {
  return blocksWithin(text, '(?:X509 |TRUSTED )?CERTIFICATE');
}

function blocksWithin(text: string, label: string): readonly Uint8Array[] {
  const blocks = text.matchAll(
    new RegExp(`^-----BEGIN (${label})-----[ \\t]*$([A-Za-z0-9+/=\\s]+)^-----END \\1-----`, 'gm'),
  );
  return Array.from(blocks, ([, , body = '']) => Uint8Array.from(Buffer.from(body, 'base64')));
}

/** The same for revocation lists. */
export function revocationListsFrom(source: string | Uint8Array, what: string): readonly Uint8Array[] {
  return from(source, revocationLists, what);
}

function from(source: string | Uint8Array, kind: PemKind, what: string): readonly Uint8Array[] {
  if (typeof source === 'string') return fromPem(source, kind, what);
  if (!(source instanceof Uint8Array)) {
    throw new TlsUsageError(
      `${what}: expected PEM text or the bytes of ${kind.one}, got ${source === null ? 'null' : typeof source}`,
    );
  }
  // DER is a SEQUENCE; no PEM text begins with that byte and a length behind it.
  if (source[0] === 0x30 && source[1] !== undefined && source[1] >= 0x80) return [Uint8Array.from(source)];
  return fromPem(Buffer.from(source).toString('latin1'), kind, what);
}

function fromPem(
  text: string,
  { label: expected, several, advice }: PemKind,
  what: string,
): readonly Uint8Array[] {
  const blocks = pemBlocks(text, what);
  if (blocks.length === 0) {
    throw new TlsUsageError(
      `${what}: expected PEM ${several} (-----BEGIN ${expected}-----), found no PEM block at all${hintAt(text)}`,
    );
  }
  return blocks.map(({ label, body }, index) => {
    if (label !== expected) {
      throw new TlsUsageError(
        `${what}: expected ${expected} blocks only, found ${named(label)} as block ${index + 1}; ${advice}`,
      );
    }
    return decodeBase64(body, `${what}: block ${index + 1} (${expected})`);
  });
}

const keyLabels: readonly string[] = [
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
];

/**
 * Checks that `text` holds exactly one private key; `openssl ecparam` writes the curve's block ahead of it.
 * @returns the key's block alone, and whether it is encrypted
 * @throws TlsUsageError for anything else: it names what was found, never its content
 */
export function keyFromPem(
  text: string,
  what: string,
): { readonly pem: string; readonly encrypted: boolean } {
  const blocks = pemBlocks(text, what).filter(({ label }) => label !== 'EC PARAMETERS');
  const [key, second] = blocks;
  if (key === undefined) {
    throw new TlsUsageError(`${what}: expected a PEM private key, found no such block${hintAt(text)}`);
  }
  for (const { label } of blocks) {
    if (!keyLabels.includes(label)) {
      throw new TlsUsageError(
        `${what}: expected a private key (${keyLabels.join(', ')}), found ${named(label)}`,
      );
    }
  }
  if (second !== undefined)
    throw new TlsUsageError(`${what}: expected one private key, found ${blocks.length}`);
  // Indented text is no PEM to OpenSSL.
  const lines = key.body.split('\n').map((line) => line.trim());
  const pem = [`-----BEGIN ${key.label}-----`, ...lines, `-----END ${key.label}-----`, ''].join('\n');
  return {
    pem,
    encrypted: key.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(pem),
  };
}

/** Base64 as RFC 4648 §4 has it, white space aside: Node's own decoder skips what it does not know. */
function decodeBase64(body: string, what: string): Uint8Array {
  const text = body.replace(/[ \t\n]+/g, '');
  if (text === '' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw new TlsUsageError(`${what} is not Base64; was it cut or changed on the way?`);
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text)
    throw new TlsUsageError(`${what} is not Base64 in its one valid form`);
  return Uint8Array.from(bytes);
}

function named(label: string | undefined): string {
  return `"${(label ?? '').slice(0, 40)}"`;
}

/** The two mistakes that nearly everybody makes once: a path, and an empty file. */
function hintAt(text: string): string {
  if (text.trim() === '') return ' (it is empty)';
  if (text.length < 4096 && !text.trim().includes('\n')) return '; if it is a path, give what the file holds';
  return '';
}
