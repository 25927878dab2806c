import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import type { ClientIdentitySelector } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy, TrustVerdict } from '../../src/handshake/identity.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  endOfTime,
  type Pair,
  pump,
  questionIn,
  serverConfig,
  serverIdentity,
  summary,
} from '../support/engine.ts';
import {
  altering,
  bothDone,
  type Edit,
  fateOf,
  outcome,
  outcomeOf,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { RawPeer } from '../support/raw-peer.ts';

let identity: Identity;

beforeAll(async () => {
  identity = await clientIdentity();
});

const trusted: TrustVerdict = { trusted: true, validUntil: endOfTime };
const refused: TrustVerdict = {
  trusted: false,
  error: new TlsCertificateError('unknown_issuer', 'nobody knows who signed this'),
};

/** Answers with a promise, so that the engine asks the test. */
const pendingTrust: TrustPolicy = {
  fingerprint: utf8('pending'),
  verify: () => new Promise<TrustVerdict>(() => undefined),
};

/** A client that writes down what it is asked, and a server that asks for its certificate. */
async function watchedPair(
  edit: { readonly type: 'certificate_verify' | 'finished' | 'certificate'; readonly edit: Edit },
  verdict: TrustVerdict = trusted,
): Promise<{
  readonly asked: string[];
  readonly fate: ReturnType<typeof outcomeOf>;
  readonly client: Endpoint;
}> {
  const asked: string[] = [];
  const trust: TrustPolicy = {
    fingerprint: utf8('watched'),
    verify: () => {
      asked.push('verdict');
      return verdict;
    },
  };
  const selector: ClientIdentitySelector = () => {
    asked.push('identity');
    return identity;
  };
  const client = clientEndpoint(clientConfig({ trust, identity: selector }));
  const config = await serverConfig({ clientAuthentication: 'require' });
  const fate = outcomeOf(client, serverOf(config, altering(edit.type, edit.edit)));
  return { asked, fate, client };
}

const lastByteChanged: Edit = (message) => {
  const changed = message.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
};

describe('a client reveals its identity only after', () => {
  it('the verdict, CertificateVerify and Finished, in this order', async () => {
    const { asked, fate } = await watchedPair({ type: 'finished', edit: (message) => message });
    expect(fate).toEqual(bothDone);
    expect(asked).toEqual(['verdict', 'identity']);
  });

  it('the verdict on the chain: it is not asked for where that is bad', async () => {
    const { asked, fate } = await watchedPair({ type: 'finished', edit: (message) => message }, refused);
    expect(fate).toEqual({ client: 'TLS_CERTIFICATE', server: 'received unknown_ca' });
    expect(asked).toEqual(['verdict']);
  });

  it('a CertificateVerify that verifies', async () => {
    const { asked, fate } = await watchedPair({ type: 'certificate_verify', edit: lastByteChanged });
    expect(fate).toEqual(refusedByClient('decrypt_error'));
    expect(asked).toEqual(['verdict']);
  });

  it('a Finished that verifies', async () => {
    const { asked, fate } = await watchedPair({ type: 'finished', edit: lastByteChanged });
    expect(fate).toEqual(refusedByClient('decrypt_error'));
    expect(asked).toEqual(['verdict']);
  });

  it('a Finished that comes at all', async () => {
    const { asked, client } = await watchedPair({ type: 'finished', edit: () => [] });
    expect(asked).toEqual(['verdict']);
    expect(fateOf(client)).toBe('waiting');
  });
});

describe('while a client waits for the verdict', () => {
  async function waiting(): Promise<{
    readonly pair: Pair;
    readonly question: ReturnType<typeof questionIn>;
  }> {
    const selector: ClientIdentitySelector = () => identity;
    const client = clientEndpoint(clientConfig({ trust: pendingTrust, identity: selector }));
    const pair = { client, server: serverOf(await serverConfig({ clientAuthentication: 'require' })) };
    pump(pair);
    return { pair, question: questionIn({ events: client.events } as never) };
  }

  it('it says nothing but its change_cipher_spec, and asks nothing else', async () => {
    const { pair } = await waiting();
    expect(summary(pair.client.events)).toEqual(['question trust']);
    expect(pair.client.writes.slice(1)).toEqual([Uint8Array.of(20, 3, 3, 0, 1, 1)]);
  });

  it('the rest of the flight waits, and is taken when the verdict is good', async () => {
    const { pair, question } = await waiting();
    pair.client.turn((engine) => engine.answer(question, trusted));
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
    expect(pair.server.info.peerCertificates).toEqual(identity.chain);
  });

  it('nothing but an alert follows where the verdict is bad', async () => {
    const { pair, question } = await waiting();
    const { output } = pair.client.turn((engine) => engine.answer(question, refused));
    expect(
      new RawPeer(pair.client, { read: 'handshake', write: 'handshake' }).hear({ output } as never),
    ).toEqual(['fatal unknown_ca']);
  });

  it('a verdict that fails is a bad one', async () => {
    const { pair, question } = await waiting();
    pair.client.turn((engine) => engine.refuse(question, new Error('the service is gone')));
    pump(pair);
    expect(outcome(pair)).toEqual({ client: 'TLS_CERTIFICATE', server: 'received certificate_unknown' });
  });

  it('a second answer changes nothing', async () => {
    const { pair, question } = await waiting();
    pair.client.turn((engine) => engine.answer(question, trusted));
    const { output, events } = pair.client.turn((engine) => engine.answer(question, refused));
    expect([output.length, events.length]).toEqual([0, 0]);
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
  });
});

describe('a server delivers what a client sends only after', () => {
  /** A server that has a client's flight and data, and waits for the verdict. */
  async function waiting(): Promise<{
    readonly pair: Pair;
    readonly question: ReturnType<typeof questionIn>;
  }> {
    const client = clientEndpoint(clientConfig({ identity }));
    const server = serverOf(
      await serverConfig({ clientAuthentication: 'require', clientTrust: pendingTrust }),
    );
    const pair = { client, server };
    pump(pair);
    client.send('early');
    client.send('words');
    pump(pair);
    return { pair, question: questionIn({ events: server.events } as never) };
  }

  it('the verdict on its chain', async () => {
    const { pair, question } = await waiting();
    expect(summary(pair.server.events)).toEqual(['question trust']);
    const { events, output } = pair.server.turn((engine) => engine.answer(question, trusted));
    expect(summary(events)).toEqual(['handshakeDone', 'data "early"', 'data "words"']);
    expect(output.length).toBe(0);
  });

  it('and never where that is bad', async () => {
    const { pair, question } = await waiting();
    const { events } = pair.server.turn((engine) => engine.answer(question, refused));
    expect(summary(events)).toEqual(['failed TLS_CERTIFICATE']);
    pump(pair);
    expect(fateOf(pair.client)).toBe('received unknown_ca');
  });

  it('a Finished that verifies: data under the handshake keys are an unexpected_message', async () => {
    const client = clientEndpoint(clientConfig());
    const server = serverOf(await serverConfig());
    server.receive(client.turn().output);
    const raw = new RawPeer(server, { read: 'application', write: 'handshake' });
    expect(summary(raw.deliver(raw.data('early')).events)).toEqual(['failed unexpected_message']);
  });

  it('and what comes early waits, up to 64 KiB', async () => {
    const { pair } = await waiting();
    expect(pair.server.engine.wantsInput).toBe(true);
    for (let i = 0; i < 5; i++) pair.client.send('x'.repeat(16_000));
    pump(pair);
    expect(pair.server.engine.wantsInput).toBe(false);
    expect(summary(pair.server.events)).toEqual(['question trust']);
  });
});

describe('an answer that comes late', () => {
  it('finds the input as it was, whatever became of the transport’s buffers', async () => {
    const client = clientEndpoint(clientConfig());
    const server = serverOf(await serverConfig({ identity: () => new Promise(() => undefined) }));
    const received = Buffer.from(deliverable(client));
    const question = questionIn(server.receive(received));
    received.fill(0xff);
    const chosen = await serverIdentity();
    server.turn((engine) => engine.answer(question, chosen));
    pump({ client, server });
    expect(outcome({ client, server })).toEqual(bothDone);
  });

  it('finds the records behind the one that asked as they were', async () => {
    const client = clientEndpoint(clientConfig({ trust: pendingTrust }));
    const server = serverOf(await serverConfig());
    server.receive(deliverable(client));
    const received = deliverable(server);
    const question = questionIn(client.receive(received));
    received.fill(0xff);
    client.turn((engine) => engine.answer(question, trusted));
    pump({ client, server });
    expect(outcome({ client, server })).toEqual(bothDone);
  });
});

/** What an endpoint has to say, taken out of the hands of `pump`. */
function deliverable(endpoint: Endpoint): Uint8Array {
  endpoint.turn();
  return concatBytes(...endpoint.undelivered.splice(0));
}
