import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { TlsCertificateError, TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import { maxBufferedInput } from '../../src/base/limits.ts';
import type { Question } from '../../src/connection/events.ts';
import type { Identity, QuestionContext, ServerIdentity, TrustPolicy } from '../../src/handshake/identity.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  newPair,
  type Pair,
  type PairSettings,
  pump,
  questionIn,
  serverConfig,
  serverEndpoint,
  serverIdentity,
  summary,
  type Turn,
  trustAll,
} from '../support/engine.ts';

const cases = [
  ['serverIdentity', 'server'],
  ['signature', 'server'],
  ['trust', 'client'],
  ['clientIdentity', 'client'],
  ['signature', 'client'],
  ['trust', 'server'],
] as const;
type Kind = (typeof cases)[number][0];
type Role = (typeof cases)[number][1];

describe('questions', () => {
  it('a value in place is never delayed: no question event, no additional turn', async () => {
    const settings = await everybodyAuthenticated();
    const { client, server } = await newPair(settings);
    const flight = server.receive(client.turn().output);
    const finished = client.receive(flight.output);
    const last = server.receive(finished.output);
    expect([flight, finished, last].map(({ events }) => summary(events))).toEqual([
      [],
      ['handshakeDone'],
      ['handshakeDone'],
    ]);
  });

  it.each(cases)(
    'a promise gives an event, and nothing happens before its answer: %s, %s',
    async (kind, role) => {
      const asked = await askedBy(kind, role);
      expect(summary(asked.turn.events)).toEqual([`question ${kind}`]);
      expect(asked.endpoint.turn()).toMatchObject({ events: [], output: noBytes });
      const value = await asked.question.pending;
      const answered = asked.endpoint.turn((engine) => engine.answer(asked.question, value));
      if (role === 'client' || kind !== 'trust') expect(answered.output.length).toBeGreaterThan(0);
      pump(asked.pair);
      expect(asked.pair.server.info.peerCertificates).toHaveLength(1);
      expect(asked.pair.client.info.peerCertificates).toHaveLength(1);
    },
  );

  it('carry what they are about', async () => {
    const { question } = await askedBy('trust', 'client');
    expect(question.subject).toMatchObject({ kind: 'trust', peer: { purpose: 'server', host: 'localhost' } });
    const named = await askedBy('serverIdentity', 'server');
    expect(named.question.subject).toMatchObject({ hello: { serverName: 'localhost' } });
    const signed = await askedBy('signature', 'server');
    expect(signed.question.subject).toMatchObject({ scheme: 'ed25519' });
  });
});

describe('a question that is refused', () => {
  it.each([
    ['serverIdentity', 'server', 'internal_error'],
    ['signature', 'server', 'internal_error'],
    ['trust', 'client', 'certificate_unknown'],
    ['clientIdentity', 'client', 'internal_error'],
    ['trust', 'server', 'certificate_unknown'],
  ] as const)('tells the peer: %s, %s, %s', async (kind, role, alert) => {
    const { endpoint, pair, question } = await askedBy(kind, role);
    const cause = new Error('no');
    const turn = endpoint.turn((engine) => engine.refuse(question, cause));
    expect(turn.events).toMatchObject([{ type: 'failed', error: { cause } }]);
    const other = role === 'client' ? pair.server : pair.client;
    // A client that has its handshake behind it hears of it then.
    if (role === 'server') pump(pair);
    expect(summary(other.receive(turn.output).events).at(-1) ?? summary(other.events).at(-1)).toBe(
      `failed received ${alert}`,
    );
  });

  it('with an error of ours keeps that', async () => {
    const { endpoint, question } = await askedBy('trust', 'client');
    const error = new TlsCertificateError('expired', 'too old');
    endpoint.turn((engine) => engine.refuse(question, error));
    expect(endpoint.engine.failure).toBe(error);
  });

  it('by a throw in place is the same', async () => {
    const cause = new Error('no');
    const identity = (): never => {
      throw cause;
    };
    const { client, server } = await newPair({ server: { identity } });
    const turn = server.receive(client.turn().output);
    expect(turn.events).toMatchObject([{ type: 'failed', error: { cause } }]);
    expect(server.engine.failure).toBeInstanceOf(TlsUsageError);
    expect(summary(client.receive(turn.output).events)).toEqual(['failed received internal_error']);
  });

  it('by undefined is unrecognized_name', async () => {
    const { client, server } = await newPair({ server: { identity: () => undefined } });
    expect(summary(server.receive(client.turn().output).events)).toEqual(['failed unrecognized_name']);
  });
});

describe('late answers emit nothing', () => {
  it.each([
    ['an abandon', (endpoint: Endpoint) => endpoint.turn((engine) => engine.abandon())],
    ['a close', (endpoint: Endpoint) => endpoint.closeWrite()],
    ["the transport's end", (endpoint: Endpoint) => endpoint.receiveEnd()],
    [
      'a deadline',
      (endpoint: Endpoint) =>
        endpoint.turn((engine) => engine.cancel(new TlsTimeoutError('handshake', 'late'))),
    ],
  ])('after %s', async (_, end) => {
    const { endpoint, question } = await askedBy('signature', 'server');
    end(endpoint);
    const value = await question.pending;
    expect(endpoint.turn((engine) => engine.answer(question, value))).toMatchObject({
      events: [],
      output: noBytes,
    });
    expect(endpoint.turn((engine) => engine.refuse(question, 'no'))).toMatchObject({
      events: [],
      output: noBytes,
    });
  });

  it('nor do second answers, and answers to what nobody asked', async () => {
    const { endpoint, pair, question } = await askedBy('signature', 'server');
    const stranger: Question = { ...question };
    const value = await question.pending;
    expect(endpoint.turn((engine) => engine.answer(stranger, value)).output).toHaveLength(0);
    endpoint.turn((engine) => engine.answer(question, value));
    expect(endpoint.turn((engine) => engine.answer(question, value)).output).toHaveLength(0);
    expect(endpoint.turn((engine) => engine.refuse(question, 'no')).output).toHaveLength(0);
    pump(pair);
    expect(pair.client.info.resumed).toBe(false);
  });
});

describe('while a question waits', () => {
  it.each([
    ['serverIdentity', 'server'],
    ['signature', 'server'],
  ] as const)("the transport's end is seen at once: %s", async (kind, role) => {
    const { endpoint } = await askedBy(kind, role);
    const turn = endpoint.receiveEnd();
    expect(summary(turn.events)).toEqual(['failed TLS_TRUNCATED']);
    expect(turn.output).toHaveLength(0);
  });

  it("an end behind all that a client's handshake needs waits with it", async () => {
    const { endpoint, question } = await askedBy('trust', 'client');
    expect(summary(endpoint.receiveEnd().events)).toEqual([]);
    const value = await question.pending;
    const turn = endpoint.turn((engine) => engine.answer(question, value));
    expect(summary(turn.events)).toEqual(['handshakeDone', 'failed TLS_TRUNCATED']);
    expect(turn.output.length).toBeGreaterThan(0);
  });

  it('input waits, bounded', async () => {
    const { endpoint } = await askedBy('signature', 'server');
    expect(endpoint.engine.wantsInput).toBe(true);
    expect(endpoint.receive(new Uint8Array(maxBufferedInput - 1))).toMatchObject({
      events: [],
      output: noBytes,
    });
    expect(endpoint.engine.wantsInput).toBe(true);
    endpoint.receive(new Uint8Array(1));
    expect(endpoint.engine.wantsInput).toBe(false);
  });
});

describe('the AbortSignal of a question', () => {
  it.each([
    ["the transport's end", (endpoint: Endpoint) => endpoint.receiveEnd()],
    ['an abandon', (endpoint: Endpoint) => endpoint.turn((engine) => engine.abandon())],
    ['a close', (endpoint: Endpoint) => endpoint.closeWrite()],
    [
      'a deadline',
      (endpoint: Endpoint) =>
        endpoint.turn((engine) => engine.cancel(new TlsTimeoutError('handshake', 'late'))),
    ],
  ])('fires at %s', async (_, end) => {
    const { endpoint, signal } = await askedWithSignal((context) => context.signal);
    expect(signal().aborted).toBe(false);
    let fired = 0;
    signal().addEventListener('abort', () => fired++);
    end(endpoint);
    expect(signal().aborted).toBe(true);
    expect(fired).toBe(1);
  });

  it('has fired also for whoever asks for it only then', async () => {
    const { endpoint, context } = await askedWithSignal(() => undefined);
    endpoint.receiveEnd();
    expect(context().signal.aborted).toBe(true);
  });
});

interface Asked {
  readonly pair: Pair;
  readonly endpoint: Endpoint;
  readonly turn: Turn;
  readonly question: Question;
}

/** Runs a handshake with authentication on both sides up to the question of this kind, which only this side puts. */
async function askedBy(kind: Kind, role: Role): Promise<Asked> {
  const pair = await newPair(await everybodyAuthenticated({ kind, role }));
  const { client, server } = pair;
  const endpoint = pair[role];
  const hello = server.receive(client.turn().output);
  client.undelivered.length = 0;
  if (role === 'server' && kind !== 'trust')
    return { pair, endpoint, turn: hello, question: questionIn(hello) };
  const flight = client.receive(hello.output);
  server.undelivered.length = 0;
  if (role === 'client') return { pair, endpoint, turn: flight, question: questionIn(flight) };
  const last = server.receive(flight.output);
  client.undelivered.length = 0;
  return { pair, endpoint, turn: last, question: questionIn(last) };
}

async function everybodyAuthenticated(slow?: {
  readonly kind: Kind;
  readonly role: Role;
}): Promise<PairSettings> {
  const isSlow = (kind: Kind, role: Role): boolean => slow?.kind === kind && slow.role === role;
  const later = async <T>(value: T): Promise<T> => value;
  const signing = (identity: Identity, role: Role): Identity => {
    const { chain, signer } = identity;
    if (!isSlow('signature', role)) return identity;
    return { chain, signer: { schemes: signer.schemes, sign: async (...args) => signer.sign(...args) } };
  };
  const trusting = (role: Role): TrustPolicy =>
    isSlow('trust', role) ? { ...trustAll, verify: async (...args) => trustAll.verify(...args) } : trustAll;
  const server: ServerIdentity = signing(await serverIdentity(), 'server');
  const client: Identity = signing(await clientIdentity(), 'client');
  return {
    client: {
      trust: trusting('client'),
      identity: () => (isSlow('clientIdentity', 'client') ? later(client) : client),
    },
    server: {
      clientAuthentication: 'require',
      clientTrust: trusting('server'),
      identity: () => (isSlow('serverIdentity', 'server') ? later(server) : server),
    },
  };
}

/** A server that waits for its identity; `use` is what its function does with the context at once. */
async function askedWithSignal(use: (context: QuestionContext) => unknown): Promise<{
  readonly endpoint: Endpoint;
  readonly context: () => QuestionContext;
  readonly signal: () => AbortSignal;
}> {
  let kept: QuestionContext | undefined;
  const identity = (_: unknown, context: QuestionContext): Promise<never> => {
    kept = context;
    use(context);
    return new Promise(() => undefined);
  };
  const endpoint = serverEndpoint(await serverConfig({ identity }));
  endpoint.receive(clientEndpoint(clientConfig()).turn().output);
  const context = (): QuestionContext => kept as QuestionContext;
  return { endpoint, context, signal: () => context().signal };
}
