// A Tacit client against servers of other stacks.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type AlertName,
  type ClientOptions,
  type SignatureScheme,
  TlsCertificateError,
  TlsPeerError,
} from '../src/index.ts';
import { type ExpectedConnection, expectExchange, expectSameSecrets } from './support/expectations.ts';
import {
  alertText,
  everyCipherSuite,
  everyGroup,
  everyVersion,
  keyTypeFor,
  keyTypeOf,
  signatureSchemesOf,
  withChainSignature,
} from './support/names.ts';
import type { PeerServer } from './support/peer.ts';
import { servers } from './support/peers.ts';
import { certificates, scratchFile } from './support/run.ts';
import { connectTo, identity } from './support/tacit.ts';

for (const { peer, missing } of servers) {
  for (const version of everyVersion) {
    const server: PeerServer = { ...peer, version };
    const title = `Tacit to ${server.name}, ${version}${missing ? ` (${missing})` : ''}`;
    describe.skipIf(missing !== undefined)(title, () => {
      handshakes(server);
      serverAuthentication(server);
      clientAuthentication(server);
      negotiation(server);
      records(server);
      if (version === 'TLSv1.3') newInTls13(server);
    });
  }
}

/** Forces a HelloRetryRequest: the only key share is of a group that the server does not have. */
const retryClient: Partial<ClientOptions> = { groups: ['x25519', 'secp384r1'], keyShares: ['x25519'] };
const retryServer = { groups: ['secp384r1'] } as const;
const retried: ExpectedConnection = { helloRetryRequest: true, group: 'secp384r1' };

function handshakes(server: PeerServer): void {
  test('full handshake', async () => {
    const exchange = await connectTo(server, {});
    expectExchange(exchange);
    const { info } = exchange.tacit[0]!;
    expect(info.serverName).toBe('server.example');
    expect(info.peerCertificates).toHaveLength(2);
    expect(info.peerSignatureScheme).toBe('ecdsa_secp256r1_sha256');
  });

  test('the same secrets', async () => {
    const keyLog = scratchFile('keys');
    const lines: string[] = [];
    const dangerouslyLogKeys = (line: string): void => void lines.push(line.trim());
    const exchange = await connectTo(server, { keyLog }, { dangerouslyLogKeys });
    expectExchange(exchange);
    expectSameSecrets(server.version, lines, readFileSync(keyLog, 'utf8'));
  });

  test('resumed, and resumed again', async () => {
    const exchange = await connectTo(server, { connections: 3 });
    expectExchange(exchange, [{}, { resumed: true }, { resumed: true }]);
    const [first, second, third] = exchange.tacit.map((report) => report.info);
    expect(second!.peerCertificates).toEqual(first!.peerCertificates);
    expect(third!.authenticatedAt).toBe(first!.authenticatedAt);
  });

  test('without compatibility mode', async () => {
    const exchange = await connectTo(server, {}, { compatibilityMode: false });
    expectExchange(exchange);
  });
}

function serverAuthentication(server: PeerServer): void {
  test('an unknown root is refused', async () => {
    const { tacit, failure, peer } = await connectTo(
      server,
      {},
      { ca: readFileSync(certificates.otherRoot, 'utf8') },
    );
    expect(tacit).toEqual([]);
    expect(failure).toBeInstanceOf(TlsCertificateError);
    expect(failure).toMatchObject({ check: 'unknown_issuer' });
    expect(peer[0]!.error).toMatch(server.abilities.namesAlerts ? alertText('unknown_ca') : /alert/);
  });
}

/** TLS 1.2 has no alert for it. */
function alertOfMissingCertificate({ version, abilities }: PeerServer): AlertName {
  return version === 'TLSv1.3' ? 'certificate_required' : abilities.tls12MissingCertificate;
}

function clientAuthentication(server: PeerServer): void {
  const required = { clientRoots: certificates.roots };
  test('client certificate', async () => {
    const exchange = await connectTo(server, required, { identity: identity(certificates.client()) });
    expectExchange(exchange);
    expect(exchange.peer[0]!.peerCertificate ?? true).toBe(true);
  });

  test('client certificate, resumed', async () => {
    const options = { identity: identity(certificates.client()) };
    const exchange = await connectTo(server, { ...required, connections: 2 }, options);
    expectExchange(exchange, [{}, { resumed: true }]);
  });

  test('client certificate required, none given', async () => {
    const { tacit, failure } = await connectTo(server, required);
    expect(tacit).toEqual([]);
    expect(failure).toBeInstanceOf(TlsPeerError);
    expect(failure).toMatchObject({ direction: 'received', alert: alertOfMissingCertificate(server) });
  });

  test('client certificate of an unknown CA', async () => {
    const options = { identity: identity(certificates.stranger) };
    const { tacit, failure } = await connectTo(server, required, options);
    expect(tacit).toEqual([]);
    const { refusal } = server.abilities;
    if (refusal !== 'close') {
      expect(failure).toBeInstanceOf(TlsPeerError);
      expect(failure).toMatchObject({ direction: 'received', alert: refusal });
    } else {
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(TlsPeerError);
    }
  });
}

function negotiation(server: PeerServer): void {
  test('ALPN', async () => {
    const offered = { alpnProtocols: ['h2', 'http/1.1'] };
    const exchange = await connectTo(server, { alpnProtocols: ['http/1.1'] }, offered);
    expectExchange(exchange, [{ alpnProtocol: 'http/1.1' }]);
  });

  test('ALPN with nothing in common', async () => {
    const exchange = await connectTo(server, { alpnProtocols: ['http/1.1'] }, { alpnProtocols: ['imap'] });
    if (server.abilities.alpnMismatch === 'ignored') {
      expectExchange(exchange);
      return;
    }
    expect(exchange.failure).toBeInstanceOf(TlsPeerError);
    expect(exchange.failure).toMatchObject({ direction: 'received', alert: 'no_application_protocol' });
  });

  test.each(everyCipherSuite[server.version])('%s', async (cipherSuite) => {
    const run = { identity: certificates.server(keyTypeFor(cipherSuite)), connections: 2 };
    const exchange = await connectTo(server, run, { cipherSuites: [cipherSuite] });
    expectExchange(exchange, [{ cipherSuite }, { cipherSuite, resumed: true }]);
  });

  for (const group of everyGroup) {
    const able = server.abilities.groups.includes(group);
    test.skipIf(!able)(`group ${group}${able ? '' : ` (${server.name} has none)`}`, async () => {
      // In TLS 1.2 the groups speak for the curves of certificates too.
      const run = { groups: [group], identity: certificates.server('rsa2048') };
      const exchange = await connectTo(server, run, { groups: [group], keyShares: [group] });
      expectExchange(exchange, [{ group }]);
    });
  }

  for (const scheme of signatureSchemesOf(server.version)) {
    const able = server.abilities.signatureSchemes.includes(scheme);
    test.skipIf(!able)(`signatures ${scheme}${able ? '' : ` (${server.name} has none)`}`, () =>
      signatures(server, scheme),
    );
  }
}

/** Server and client sign with `scheme`, and each verifies the other. */
async function signatures(server: PeerServer, scheme: SignatureScheme): Promise<void> {
  const keyType = keyTypeOf(scheme);
  const signatureSchemes = withChainSignature(scheme);
  const exchange = await connectTo(
    server,
    { signatureSchemes, identity: certificates.server(keyType), clientRoots: certificates.roots },
    { signatureSchemes, identity: identity(certificates.client(keyType)) },
  );
  expectExchange(exchange);
  expect(exchange.tacit[0]!.info.peerSignatureScheme).toBe(scheme);
  expect(exchange.peer[0]!.signatureScheme ?? scheme).toBe(scheme);
}

function records(server: PeerServer): void {
  test('1 MiB each way', async () => {
    expectExchange(await connectTo(server, { size: 'large' }));
  });

  test.skipIf(!server.abilities.limitsRecords)('records limited by both', async () => {
    const exchange = await connectTo(server, { recordSizeLimit: 512 }, { recordSizeLimit: 300 });
    expectExchange(exchange);
  });
}

function newInTls13(server: PeerServer): void {
  test('HelloRetryRequest', async () => {
    const exchange = await connectTo(server, retryServer, retryClient);
    expectExchange(exchange, [retried]);
  });

  test('resumed with HelloRetryRequest', async () => {
    const exchange = await connectTo(server, { ...retryServer, connections: 2 }, retryClient);
    expectExchange(exchange, [retried, { ...retried, resumed: true }]);
  });

  test('keys updated by Tacit', async () => {
    const exchange = await connectTo(server, {}, {}, { updateKeys: true });
    expectExchange(exchange);
  });

  test.skipIf(!server.abilities.updatesKeys)('keys updated by both', async () => {
    const exchange = await connectTo(server, { updateKeys: true }, {}, { updateKeys: true });
    expectExchange(exchange);
    expect(exchange.peer[0]!.keyUpdatesReceived ?? 1).toBeGreaterThanOrEqual(1);
  });

  test('padded records', async () => {
    const exchange = await connectTo(server, {}, { padding: 4096 });
    expectExchange(exchange);
  });
}
