// Clients of other stacks against a Tacit server.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type SignatureScheme, TlsCertificateError, TlsPeerError } from '../src/index.ts';
import { type ExpectedConnection, expectExchange, expectSameSecrets } from './support/expectations.ts';
import {
  alertText,
  everyCipherSuite,
  everyGroup,
  everySignatureScheme,
  keyTypeOf,
  withChainSignature,
} from './support/names.ts';
import type { PeerClient } from './support/peer.ts';
import { clients } from './support/peers.ts';
import { certificates, scratchFile } from './support/run.ts';
import { identity, roots, serveTo, signingOnly } from './support/tacit.ts';

/** Forces a HelloRetryRequest: the client's only key share is of a group that the server does not have. */
const retryClient = { groups: ['x25519', 'secp384r1'] } as const;
const retryServer = { groups: ['secp384r1'] } as const;
const retried: ExpectedConnection = { helloRetryRequest: true, group: 'secp384r1' };

for (const { peer: client, missing } of clients) {
  describe.skipIf(missing !== undefined)(`${client.name} to Tacit${missing ? ` (${missing})` : ''}`, () => {
    handshakes(client);
    clientAuthentication(client);
    negotiation(client);
    records(client);
  });
}

function handshakes(client: PeerClient): void {
  test('full handshake', async () => {
    const exchange = await serveTo(client, {});
    expectExchange(exchange);
    expect(exchange.tacit[0]!.info.serverName).toBe('server.example');
    expect(exchange.tacit[0]!.info.peerCertificates).toEqual([]);
  });

  test('the same secrets', async () => {
    const keyLog = scratchFile('keys');
    const lines: string[] = [];
    const dangerouslyLogKeys = (line: string): void => void lines.push(line.trim());
    const exchange = await serveTo(client, { keyLog }, { dangerouslyLogKeys });
    expectExchange(exchange);
    expectSameSecrets(lines, readFileSync(keyLog, 'utf8'));
  });

  test('resumed', async () => {
    const exchange = await serveTo(client, { connections: 2 });
    expectExchange(exchange, [{}, { resumed: true }]);
  });

  test('HelloRetryRequest', async () => {
    const exchange = await serveTo(client, retryClient, retryServer);
    expectExchange(exchange, [retried]);
  });

  test('resumed with HelloRetryRequest', async () => {
    const exchange = await serveTo(client, { ...retryClient, connections: 2 }, retryServer);
    const again = client.abilities.remembersGroups ? { group: 'secp384r1' } : retried;
    expectExchange(exchange, [retried, { ...again, resumed: true }]);
  });
}

function clientAuthentication(client: PeerClient): void {
  const required = { clientAuthentication: 'require', ca: roots() } as const;

  test('client certificate', async () => {
    const exchange = await serveTo(client, { identity: certificates.client() }, required);
    expectExchange(exchange);
    const [report] = exchange.tacit;
    expect(report!.info.peerCertificates).toHaveLength(2);
    expect(report!.info.peerSignatureScheme).toBe('ecdsa_secp256r1_sha256');
  });

  test('client certificate, resumed', async () => {
    const exchange = await serveTo(client, { identity: certificates.client(), connections: 2 }, required);
    expectExchange(exchange, [{}, { resumed: true }]);
    const [first, second] = exchange.tacit.map((report) => report.info);
    expect(second!.peerCertificates).toEqual(first!.peerCertificates);
    expect(second!.authenticatedAt).toBe(first!.authenticatedAt);
  });

  test('client certificate asked for, none given', async () => {
    const exchange = await serveTo(client, {}, { ...required, clientAuthentication: 'request' });
    expectExchange(exchange);
    expect(exchange.tacit[0]!.info.peerCertificates).toEqual([]);
  });

  test('client certificate required, none given', async () => {
    const { peer, failure } = await serveTo(client, {}, required);
    expect(failure).toBeInstanceOf(TlsCertificateError);
    expect(failure).toMatchObject({ check: 'missing' });
    expect(peer[0]!.error).toMatch(alertText('certificate_required'));
  });

  test('client certificate of an unknown CA', async () => {
    const { peer, failure } = await serveTo(client, { identity: certificates.stranger }, required);
    expect(failure).toBeInstanceOf(TlsCertificateError);
    const [check, alert] = client.abilities.heedsAuthorities
      ? (['missing', 'certificate_required'] as const)
      : (['unknown_issuer', 'unknown_ca'] as const);
    expect(failure).toMatchObject({ check });
    expect(peer[0]!.error).toMatch(alertText(alert));
  });
}

function negotiation(client: PeerClient): void {
  test('ALPN', async () => {
    const offered = { alpnProtocols: ['h2', 'http/1.1'] };
    const exchange = await serveTo(client, offered, { alpnProtocols: ['http/1.1'] });
    expectExchange(exchange, [{ alpnProtocol: 'http/1.1' }]);
  });

  test('ALPN with nothing in common', async () => {
    const offered = { alpnProtocols: ['http/1.1'] };
    const { peer, failure } = await serveTo(client, offered, { alpnProtocols: ['imap'] });
    expect(failure).toBeInstanceOf(TlsPeerError);
    expect(failure).toMatchObject({ direction: 'sent', alert: 'no_application_protocol' });
    expect(peer[0]!.error).toMatch(alertText('no_application_protocol'));
  });

  test.each(everyCipherSuite)('%s', async (cipherSuite) => {
    const exchange = await serveTo(client, { connections: 2 }, { cipherSuites: [cipherSuite] });
    expectExchange(exchange, [{ cipherSuite }, { cipherSuite, resumed: true }]);
  });

  for (const group of everyGroup) {
    const able = client.abilities.groups.includes(group);
    test.skipIf(!able)(`group ${group}${able ? '' : ` (${client.name} has none)`}`, async () => {
      const exchange = await serveTo(client, { groups: [group] });
      expectExchange(exchange, [{ group }]);
    });
  }

  for (const scheme of everySignatureScheme) {
    const able = client.abilities.signatureSchemes.includes(scheme);
    test.skipIf(!able)(`signatures ${scheme}${able ? '' : ` (${client.name} has none)`}`, () =>
      signatures(client, scheme),
    );
  }
}

/** Server and client sign with `scheme`, and each verifies the other. */
async function signatures(client: PeerClient, scheme: SignatureScheme): Promise<void> {
  const keyType = keyTypeOf(scheme);
  const files = certificates.server(keyType);
  const signatureSchemes = withChainSignature(scheme);
  const exchange = await serveTo(
    client,
    { signatureSchemes, identity: certificates.client(keyType) },
    {
      signatureSchemes,
      clientAuthentication: 'require',
      ca: roots(),
      identity: client.abilities.narrowsSignatureSchemes ? identity(files) : signingOnly(files, scheme),
    },
  );
  expectExchange(exchange);
  expect(exchange.tacit[0]!.info.peerSignatureScheme).toBe(scheme);
  expect(exchange.peer[0]!.signatureScheme ?? scheme).toBe(scheme);
}

function records(client: PeerClient): void {
  test('keys updated by Tacit', async () => {
    const exchange = await serveTo(client, {}, {}, { updateKeys: true });
    expectExchange(exchange);
  });

  test.skipIf(!client.abilities.updatesKeys)('keys updated by both', async () => {
    const exchange = await serveTo(client, { updateKeys: true }, {}, { updateKeys: true });
    expectExchange(exchange);
    // Tacit's own, and the one that it owed.
    expect(exchange.peer[0]!.keyUpdatesReceived ?? 2).toBeGreaterThanOrEqual(2);
  });

  test('padded records', async () => {
    const exchange = await serveTo(client, {}, { padding: 4096 });
    expectExchange(exchange);
  });

  test.skipIf(!client.abilities.limitsRecords)('records limited by the peer', async () => {
    // Less than it reads from its input at once, and gnutls-cli itself loses data.
    const exchange = await serveTo(client, { recordSizeLimit: 4096 });
    expectExchange(exchange);
  });

  test.skipIf(!client.abilities.halfCloses)('tickets with the close of a one-way receiver', async () => {
    const exchange = await serveTo(client, { oneWay: true, connections: 2 });
    expectExchange(exchange, [{}, { resumed: true }]);
  });

  test('nothing resumed without tickets', async () => {
    const exchange = await serveTo(client, { connections: 2 }, { tickets: { count: 0 } });
    expectExchange(exchange, [{}, {}]);
  });
}
