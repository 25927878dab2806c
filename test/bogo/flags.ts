import type { SignatureScheme } from '../../src/crypto/provider.ts';
import { nameOf, signatureSchemeCodes } from '../../src/wire/names.ts';

/** A flag that the shim does not know, or a value that Tacit does not have: the runner counts the test as not implemented. */
export class Unimplemented extends Error {}

/** A certificate or a raw public key with its private key, as the runner's files have them. */
export interface Credential {
  kind: 'X509' | 'RawPublicKey';
  certFile?: string;
  keyFile?: string;
  /** Whether it is for peers alone who name its issuer. */
  mustMatchIssuer?: boolean;
  /** What it may sign with, preferred ones first; undefined: all that the key can. */
  signingPrefs?: SignatureScheme[];
}

/** What the flags say of one connection. */
export class Settings {
  readonly #switches = new Set<string>();
  readonly #values = new Map<string, string[]>();
  /** The credential of the flags in front of all `-new-…-credential`: the last to be chosen. */
  readonly defaultCredential: Credential = { kind: 'X509' };
  /** The others, in the order of preference. */
  readonly credentials: Credential[] = [];

  has(name: Switch): boolean {
    return this.#switches.has(name);
  }

  text(name: Value): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  number(name: Value): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  numbers(name: Value): readonly number[] {
    return this.#values.get(name)?.map(Number) ?? [];
  }

  base64(name: Value): Uint8Array | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Uint8Array.from(Buffer.from(text, 'base64'));
  }

  setSwitch(name: string): void {
    this.#switches.add(name);
  }

  addValue(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }
}

/** Flags without a value that the shim honours. */
const switches = [
  'async',
  'check-close-notify',
  'decline-alpn',
  'enable-ocsp-stapling',
  'expect-extended-master-secret',
  'expect-hrr',
  'expect-no-hrr',
  'expect-no-peer-cert',
  'expect-no-server-name',
  'expect-no-session',
  'expect-session-miss',
  'expect-verify-result',
  'export-traffic-secrets',
  'fail-cert-callback',
  'implicit-handshake',
  'ipv6',
  'is-handshaker-supported',
  'key-update',
  'key-update-before-read',
  'no-key-shares',
  'no-op-extra-handshake',
  'no-ticket',
  'no-tls12',
  'no-tls13',
  'read-with-unfinished-write',
  'reject-alpn',
  'require-any-client-certificate',
  'server',
  'shim-shuts-down',
  'shim-writes-first',
  'skip-ticket',
  'use-export-context',
  'use-ticket-callback',
  'verify-fail',
  'verify-peer',
  // Ours, for `-shim-extra-flags`: the transport gives one byte at a time.
  'one-byte-reads',
] as const;

/** Flags with a value that the shim honours. */
const values = [
  'accepted-peer-cert-types',
  'advertise-alpn',
  'available-client-cert-types',
  'curves',
  'expect-advertised-alpn',
  'expect-alpn',
  'expect-cipher',
  'expect-cipher-aes',
  'expect-client-ca-list',
  'expect-curve-id',
  'expect-early-data-reason',
  'expect-peer-cert-file',
  'expect-peer-certificate-type',
  'expect-peer-rpk-sha256',
  'expect-peer-signature-algorithm',
  'expect-peer-verify-pref',
  'expect-selected-credential',
  'expect-server-name',
  'expect-version',
  'export-context',
  'export-keying-material',
  'export-label',
  'host-name',
  'key-shares',
  'max-version',
  'min-version',
  'port',
  'read-size',
  'repeat-shim-initial-write',
  'resumption-delay',
  'resume-count',
  'select-alpn',
  'shim-id',
  'shim-initial-write',
  'use-client-ca-list',
  'verify-prefs',
] as const;

export type Switch = (typeof switches)[number];
export type Value = (typeof values)[number];

/** Flags that change nothing here, each for a reason. */
const withoutEffect: Readonly<Record<string, 'switch' | 'value'>> = {
  // Versions that Tacit never speaks.
  'no-tls1': 'switch',
  'no-tls11': 'switch',
  // A server without it is refused always.
  'expect-secure-renegotiation': 'switch',
  'no-legacy-server-connect': 'switch',
  // A server of ours gives no session ID.
  'expect-no-session-id': 'switch',
  // There is no renegotiation.
  'renegotiate-freely': 'switch',
  // What Tacit does always.
  'forbid-renegotiation-after-handshake': 'switch',
  'renegotiate-ignore': 'switch',
  // Other ways of BoringSSL's API to the same outcome.
  'use-custom-verify-callback': 'switch',
  'use-early-callback': 'switch',
  'use-old-client-cert-callback': 'switch',
  // How BoringSSL's application renews tickets; ours are new for each handshake (RFC 9846 §4.7.1).
  'renew-ticket': 'switch',
  'expect-ticket-renewal': 'switch',
  // Concerns processors without AES instructions.
  'expect-cipher-no-aes': 'value',
  // What a certificate has to lead to: the shim's verdict on chains is `-verify-fail`.
  'trust-cert': 'value',
  'handshaker-path': 'value',
};

const phases = ['initial', 'resume', 'retry'] as const;

/** What the flags say of the first connection, and of those behind it. @throws Unimplemented naming the flag */
export function parseFlags(args: readonly string[]): {
  readonly initial: Settings;
  readonly resume: Settings;
} {
  const initial = new Settings();
  const resume = new Settings();
  const rest = [...args];
  for (let flag = rest.shift(); flag !== undefined; flag = rest.shift()) {
    const { name, targets } = targetsOf(flag, initial, resume);
    const take = (): string => {
      const value = rest.shift();
      if (value === undefined) throw new Error(`${flag} has no value`);
      return value;
    };
    if ((switches as readonly string[]).includes(name)) {
      for (const target of targets) target.setSwitch(name);
    } else if ((values as readonly string[]).includes(name)) {
      const value = take();
      for (const target of targets) target.addValue(name, value);
    } else if (Object.hasOwn(withoutEffect, name)) {
      if (withoutEffect[name] === 'value') take();
    } else if (!credentialFlag(name, take, targets)) {
      throw new Unimplemented(flag);
    }
  }
  return { initial, resume };
}

/** `-on-initial-X` and `-on-resume-X` are for some connections only, `-on-shim-X` is for us. */
function targetsOf(
  flag: string,
  initial: Settings,
  resume: Settings,
): { readonly name: string; readonly targets: readonly Settings[] } {
  const ours = flag.replace(/^-on-shim(?=-)/, '').replace(/^-+/, '');
  const phase = phases.find((candidate) => ours.startsWith(`on-${candidate}-`));
  // What follows a refusal of early data: Tacit offers none.
  if (phase === 'retry') throw new Unimplemented(flag);
  if (phase === undefined) return { name: ours, targets: [initial, resume] };
  return {
    name: ours.slice(`on-${phase}-`.length),
    targets: [phase === 'initial' ? initial : resume],
  };
}

/** Those that describe the credential that was begun last. */
function credentialFlag(name: string, take: () => string, targets: readonly Settings[]): boolean {
  const current = (): readonly Credential[] =>
    targets.map(({ credentials, defaultCredential }) => credentials.at(-1) ?? defaultCredential);
  if (name === 'new-x509-credential' || name === 'new-rpk-credential') {
    const kind = name === 'new-rpk-credential' ? 'RawPublicKey' : 'X509';
    for (const target of targets) target.credentials.push({ kind });
  } else if (name === 'cert-file') {
    const file = take();
    for (const credential of current()) credential.certFile = file;
  } else if (name === 'must-match-issuer') {
    for (const credential of current()) credential.mustMatchIssuer = true;
  } else if (name === 'key-file') {
    const file = take();
    for (const credential of current()) credential.keyFile = file;
  } else if (name === 'signing-prefs') {
    const scheme = signatureScheme(Number(take()));
    for (const credential of current())
      credential.signingPrefs = [...(credential.signingPrefs ?? []), scheme];
  } else {
    return false;
  }
  return true;
}

/** @throws Unimplemented for a scheme that Tacit does not have */
export function signatureScheme(code: number): SignatureScheme {
  const name = nameOf(signatureSchemeCodes, code);
  if (name === undefined) throw new Unimplemented(`signature scheme 0x${code.toString(16)}`);
  return name;
}
