import { readFileSync } from 'node:fs';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import type { Identity, MaybePromise, Signer } from '../../src/handshake/identity.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import { certificatesFrom } from '../../src/net/pem.ts';
import type { Credential, Settings } from './flags.ts';

/** Gives a value at once, or as a promise that is kept some turns of the event loop later. */
export type Answer = <Value>(value: Value) => MaybePromise<Value>;

export const atOnce: Answer = (value) => value;

export const late: Answer = (value) =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(() => resolve(value)));
  });

/**
 * The identities that the flags describe, in the order in which they are preferred; the one of the flags in front comes
 * last. `onSigned` learns which one has signed: the runner's number for it.
 */
export function identitiesOf(
  { credentials, defaultCredential }: Settings,
  answer: Answer,
  onSigned: (index: number) => void,
): readonly Identity[] {
  const numbered = [...credentials.entries(), [-1, defaultCredential] as const];
  return numbered
    .filter(([, { keyFile }]) => keyFile !== undefined)
    .map(([index, credential]) => load(credential, answer, () => onSigned(index)));
}

/** The DER certificates in a file of the runner's. */
export function certificatesIn(file: string): readonly Uint8Array[] {
  return certificatesFrom(readFileSync(file, 'utf8'), file);
}

function load(
  { kind, certFile, keyFile, signingPrefs }: Credential,
  answer: Answer,
  onSigned: () => void,
): Identity {
  const key = readFileSync(keyFile ?? '', 'utf8');
  const identity =
    kind === 'RawPublicKey'
      ? loadIdentity({ certificateType: kind, key })
      : loadIdentity({ cert: readFileSync(certFile ?? '', 'utf8'), key });
  return { ...identity, signer: observed(identity.signer, signingPrefs, answer, onSigned) };
}

function observed(
  signer: Signer,
  prefs: readonly SignatureScheme[] | undefined,
  answer: Answer,
  onSigned: () => void,
): Signer {
  return {
    schemes: prefs?.filter((scheme) => signer.schemes.includes(scheme)) ?? signer.schemes,
    sign(scheme, content, context): MaybePromise<Uint8Array> {
      onSigned();
      const signature = signer.sign(scheme, content, context);
      return signature instanceof Uint8Array ? answer(signature) : signature;
    },
  };
}
