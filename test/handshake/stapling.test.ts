import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { Identity, PeerChain, TrustPolicy } from '../../src/handshake/identity.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import { decodeCertificate, encodeCertificate } from '../../src/wire/messages.ts';
import { encodeCertificateStatus } from '../../src/wire/tls12-messages.ts';
import {
  clientCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from '../support/certificates.ts';
import { crlExtension } from '../support/crl.ts';
import {
  clientConfig,
  type Endpoint,
  endOfTime,
  serverConfig,
  startOfTime,
  trustAll,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  type Edit,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';
import { errorResponse, makeOcspResponse, unknown } from '../support/ocsp.ts';
import { tls12Only } from '../support/tls12.ts';

let root: TestCertificate;
let server: TestCertificate;
let client: TestCertificate;
/** Signatures differ from one to the next. */
let clientResponse: Uint8Array;

beforeAll(async () => {
  root = await rootCertificate();
  server = await serverCertificate(root);
  client = await clientCertificate(root);
  clientResponse = responseFor(client);
});

const hour = 3_600_000;
const padding = crlExtension('1.3.6.1.5.5.7.48.1.2', false, new Uint8Array(2 ** 14));
const current = { thisUpdate: new Date(startOfTime - hour), nextUpdate: new Date(startOfTime + hour) };

function responseFor(
  certificate: TestCertificate,
  times: { thisUpdate: Date; nextUpdate: Date } = current,
): Uint8Array {
  return makeOcspResponse(certificate, root, times);
}

function identityWith(certificate: TestCertificate, ocspResponse: Identity['ocspResponse'] | null): Identity {
  return {
    chain: [certificate.der, root.der],
    signer: nodeSigner(certificate.key),
    ...(ocspResponse === null ? {} : { ocspResponse }),
  };
}

/** A policy that asks for responses, and keeps what it is asked. */
function asking(seen: PeerChain[], requestsOcspResponses = true): TrustPolicy {
  return {
    ...trustAll,
    requestsOcspResponses,
    verify: (peer) => {
      seen.push(peer);
      return { trusted: true, validUntil: endOfTime };
    },
  };
}

/** What came with the certificates of the server. */
async function stapled(
  ocspResponse: Identity['ocspResponse'] | null,
  requests = true,
  settings: { client?: Partial<ClientSettings>; server?: Partial<ServerSettings> } = {},
): Promise<readonly (Uint8Array | undefined)[] | undefined> {
  const seen: PeerChain[] = [];
  const pair = {
    client: clientOf(clientConfig({ trust: asking(seen, requests), ...settings.client })),
    server: serverOf(
      await serverConfig({ identity: identityWith(server, ocspResponse), ...settings.server }),
    ),
  };
  await settle(pair);
  expect(outcome(pair)).toEqual(bothDone);
  return seen[0]?.ocspResponses;
}

describe('a client that asks for an OCSP response', () => {
  it('offers status_request: any responder, no extensions; others do not', () => {
    const offers = (requests: boolean): unknown => {
      const trust = asking([], requests);
      const message = clientOf(clientConfig({ trust })).turn().output.subarray(5);
      return decodeClientHello(message.subarray(4)).extensions.status_request;
    };
    expect(offers(true)).toEqual({ statusType: 1, request: fromHex('0000 0000') });
    expect(offers(false)).toBeUndefined();
  });

  it('gets the one of the identity, with the leaf', async () => {
    const response = responseFor(server);
    expect(await stapled(response)).toEqual([response, undefined]);
  });

  it('gets none where the identity has none', async () => {
    expect(await stapled(null)).toEqual([undefined, undefined]);
  });

  it('refuses what it did not ask for', async () => {
    const edit: Edit = (message) => {
      const { context, entries } = decodeCertificate(message.subarray(4));
      const [leaf] = entries;
      return encodeCertificate({
        context,
        entries: [{ certificate: leaf!.certificate, extensions: { status_request: responseFor(server) } }],
      });
    };
    const fate = outcomeOf(
      clientOf(clientConfig({ trust: asking([], false) })),
      alteringServer(await serverConfig(), 'certificate', edit),
    );
    expect(fate).toEqual(refusedByClient('unsupported_extension'));
  });
});

describe('in TLS 1.2', () => {
  const settings = { client: tls12Only, server: tls12Only };

  it('the response comes in a CertificateStatus, where it was asked for and there is one', async () => {
    const response = responseFor(server);
    expect(await stapled(response, true, settings)).toEqual([response]);
    expect(await stapled(() => Promise.resolve(response), true, settings)).toEqual([response]);
    expect(await stapled(response, false, settings)).toEqual([undefined]);
    expect(await stapled(null, true, settings)).toEqual([undefined]);
  });

  it('a source that fails, or gives one that is out of date, costs the response alone', async () => {
    expect(await stapled(() => Promise.reject(new Error('no file')), true, settings)).toEqual([undefined]);
    const old = responseFor(server, { thisUpdate: new Date(0), nextUpdate: new Date(startOfTime - 1) });
    expect(await stapled(old, true, settings)).toEqual([undefined]);
  });

  it('a server may have announced one and send none (RFC 6066 §8)', async () => {
    const seen: PeerChain[] = [];
    const config = await serverConfig({ ...tls12Only, identity: identityWith(server, responseFor(server)) });
    const client = clientOf(clientConfig({ ...tls12Only, trust: asking(seen) }));
    expect(
      outcomeOf(
        client,
        alteringServer(config, 'certificate_status', () => []),
      ),
    ).toEqual(bothDone);
    expect(seen[0]?.ocspResponses).toEqual([undefined]);
  });

  it('a client refuses one that was not announced, and one of another type', async () => {
    const config = await serverConfig({ ...tls12Only, identity: identityWith(server, null) });
    const sudden: Edit = (message) => [encodeCertificateStatus(responseFor(server)), message];
    const asks = (): Endpoint => clientOf(clientConfig({ ...tls12Only, trust: asking([]) }));
    expect(outcomeOf(asks(), alteringServer(config, 'server_key_exchange', sudden))).toEqual(
      refusedByClient('unexpected_message'),
    );
    const announced = await serverConfig({
      ...tls12Only,
      identity: identityWith(server, responseFor(server)),
    });
    const other: Edit = (message) => message.slice().fill(2, 4, 5);
    expect(outcomeOf(asks(), alteringServer(announced, 'certificate_status', other))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });
});

describe('a server with an OCSP response', () => {
  it('keeps it where nobody asks, or for another kind of status', async () => {
    const seen: PeerChain[] = [];
    expect(await stapled(responseFor(server), false)).toEqual([undefined, undefined]);
    const other = altering('client_hello', (message) => {
      // status_request: ocsp becomes a type that does not exist
      const at = Buffer.from(message).indexOf(Buffer.from(fromHex('0005 0005 01 0000 0000')));
      const changed = message.slice();
      changed[at + 4] = 9;
      return changed;
    });
    let asked = 0;
    const identity = identityWith(server, () => {
      asked += 1;
      return responseFor(server);
    });
    outcomeOf(
      clientOf(clientConfig({ trust: asking(seen) }), { host: 'localhost' }, other),
      serverOf(await serverConfig({ identity })),
    );
    expect(asked).toBe(0);
  });

  it('asks a function for the one of now, at each handshake', async () => {
    const served: Uint8Array[] = [];
    const identity = (context: { signal: AbortSignal }): Uint8Array => {
      expect(context.signal.aborted).toBe(false);
      const response = responseFor(server, {
        ...current,
        nextUpdate: new Date(startOfTime + (served.length + 1) * hour),
      });
      served.push(response);
      return response;
    };
    expect(await stapled(identity)).toEqual([served[0], undefined]);
    expect(await stapled(identity)).toEqual([served[1], undefined]);
    expect(served[0]).not.toEqual(served[1]);
  });

  it('waits for one that takes its time', async () => {
    const response = responseFor(server);
    expect(await stapled(() => Promise.resolve(response))).toEqual([response, undefined]);
  });

  it.each<[string, () => Identity['ocspResponse']]>([
    [
      'a function that throws',
      () => () => {
        throw new Error('the responder is away');
      },
    ],
    ['a promise that rejects', () => () => Promise.reject(new Error('the responder is away'))],
    ['a function that has none', () => () => undefined],
    ['something else', () => () => 'no bytes' as unknown as Uint8Array],
    ['one that is out of date', () => responseFor(server, { ...current, nextUpdate: new Date(startOfTime) })],
    ['one about another certificate', () => responseFor(client)],
    ['one that does not know', () => makeOcspResponse(server, root, { ...current, status: unknown })],
    [
      'one of tomorrow',
      () =>
        responseFor(server, {
          thisUpdate: new Date(startOfTime + hour),
          nextUpdate: new Date(startOfTime + 2 * hour),
        }),
    ],
    ['one of another authority', () => makeOcspResponse(server, client, current)],
    ['one that is too large', () => makeOcspResponse(server, root, { ...current, extensions: [padding] })],
    ['an error of the responder', () => errorResponse(3)],
    ['garbage', () => new Uint8Array(100)],
  ])('sends none in place of %s, and serves', async (_, ocspResponse) => {
    expect(await stapled(ocspResponse())).toEqual([undefined, undefined]);
  });

  it('refuses a status_request that cannot be read', async () => {
    const spoilt = altering('client_hello', (message) => {
      const at = Buffer.from(message).indexOf(Buffer.from(fromHex('0005 0005 01 0000 0000')));
      const changed = message.slice();
      changed[at + 6] = 1;
      return changed;
    });
    const fate = outcomeOf(
      clientOf(clientConfig({ trust: asking([]) }), { host: 'localhost' }, spoilt),
      serverOf(await serverConfig()),
    );
    expect(fate).toEqual(refusedByServer('decode_error'));
  });
});

describe('a client with an OCSP response', () => {
  async function clientStapled(requests: boolean): Promise<PeerChain['ocspResponses']> {
    const seen: PeerChain[] = [];
    const config = await serverConfig({
      clientAuthentication: 'require',
      clientTrust: asking(seen, requests),
    });
    const pair = {
      client: clientOf(clientConfig({ identity: identityWith(client, clientResponse) })),
      server: serverOf(config),
    };
    await settle(pair);
    expect(outcome(pair)).toEqual(bothDone);
    return seen[0]?.ocspResponses;
  }

  it('sends it to a server that asks in its CertificateRequest', async () => {
    expect(await clientStapled(true)).toEqual([clientResponse, undefined]);
  });

  it('keeps it where none is asked for', async () => {
    expect(await clientStapled(false)).toEqual([undefined, undefined]);
  });

  it('is refused with one that was not asked for', async () => {
    const edit: Edit = (message) => {
      const { context, entries } = decodeCertificate(message.subarray(4));
      const [leaf] = entries;
      return encodeCertificate({
        context,
        entries: [{ certificate: leaf!.certificate, extensions: { status_request: clientResponse } }],
      });
    };
    const own = clientConfig({ identity: identityWith(client, null) });
    const asked = clientOf(own, { host: 'localhost' }, altering('certificate', edit));
    const config = await serverConfig({ clientAuthentication: 'require', clientTrust: asking([], false) });
    expect(outcomeOf(asked, serverOf(config))).toEqual(refusedByServer('unsupported_extension'));
  });
});
