import { handshakeTypes } from '../../src/wire/names.ts';
import { fromHex } from './hex.ts';
import { messagesIn } from './recode.ts';
import { sharedData } from './shared-data.ts';

export type Side = 'client' | 'server';

interface Step {
  readonly side: Side;
  readonly step: string;
  readonly values: readonly { readonly name: string; readonly hex?: string }[];
}

/** One record of a published connection. */
export interface TraceRecord {
  readonly side: Side;
  readonly type: 'handshake' | 'application_data' | 'alert' | 'change_cipher_spec';
  readonly payload: Uint8Array;
  readonly wire: Uint8Array;
}

export interface TraceKeyPair {
  readonly side: Side;
  readonly group: 'x25519' | 'secp256r1';
  readonly privateKey: Uint8Array;
  readonly publicValue: Uint8Array;
}

/** One of the published connections: what it begins with, what went over the wire, and the secrets. */
export class Trace {
  readonly records: readonly TraceRecord[];
  readonly keyPairs: readonly TraceKeyPair[];
  readonly #steps: readonly Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.records = steps.flatMap((step): TraceRecord[] => {
      const type = /^send (\w+) record$/.exec(step.step)?.[1] as TraceRecord['type'] | undefined;
      if (!type) return [];
      return [
        { side: step.side, type, payload: value(step, 'payload'), wire: value(step, 'complete record') },
      ];
    });
    this.keyPairs = steps.flatMap((step): TraceKeyPair[] => {
      const group = /^create an ephemeral (\S+) key pair$/.exec(step.step)?.[1];
      if (!group) return [];
      return [
        {
          side: step.side,
          group: group === 'P-256' ? 'secp256r1' : 'x25519',
          privateKey: value(step, 'private key'),
          publicValue: value(step, 'public key'),
        },
      ];
    });
  }

  /** The handshake messages of one side, in order. */
  messages(side: Side): readonly Uint8Array[] {
    return this.records
      .filter((record) => record.side === side && record.type === 'handshake')
      .flatMap((record) => messagesIn(record.payload));
  }

  /** The first message of this type. */
  message(type: keyof typeof handshakeTypes, side: Side = 'server'): Uint8Array {
    const found = this.messages(side).find((message) => message[0] === handshakeTypes[type]);
    if (!found) throw new Error(`the trace has no ${type}`);
    return found;
  }

  /** A secret by its label in the key schedule, such as `c hs traffic`, and the transcript hash that it comes from. */
  secret(label: string): { readonly secret: Uint8Array; readonly transcriptHash: Uint8Array } {
    const step = this.#steps.find(
      (candidate) => candidate.step === `derive secret "tls13 ${label}"` && candidate.values.length > 0,
    );
    if (!step) throw new Error(`the trace has no secret ${label}`);
    return { secret: value(step, 'expanded'), transcriptHash: value(step, 'hash') };
  }

  /** The PSK that the ticket gives (RFC 9846 §4.7.1); undefined where there is none. */
  get resumptionPsk(): Uint8Array | undefined {
    const step = this.#steps.find(({ step }) => step === 'generate resumption secret "tls13 resumption"');
    return step && value(step, 'expanded');
  }
}

/** The published connections by name; undefined where their file is not beside the repository. */
export function publishedTraces(): ReadonlyMap<string, Trace> | undefined {
  const file = sharedData('tls13-traces.json') as
    | { readonly traces: Readonly<Record<string, readonly Step[]>> }
    | undefined;
  return file && new Map(Object.entries(file.traces).map(([name, steps]) => [name, new Trace(steps)]));
}

function value(step: Step, name: string): Uint8Array {
  const found = step.values.find((candidate) => candidate.name === name)?.hex;
  if (found === undefined) throw new Error(`the step "${step.step}" has no value "${name}"`);
  return fromHex(found);
}
