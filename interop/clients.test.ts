// Clients of other stacks against a Tacit server.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type SignatureScheme, TlsCertificateError, TlsPeerError } from '../src/index.ts';
import { type ExpectedConnection, expectExchange, expectSameSecrets } from './support/expectations.ts';
import {
  alertText,
  type ExpectedAlert,
  everyCipherSuite,
  everyGroup,
  everyVersion,
  keyTypeFor,
  keyTypeOf,
  signatureSchemesOf,
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

for (const { peer, missing } of clients) {
  for (const version of everyVersion) {
    const client: PeerClient = { ...peer, version };
    const title = `${client.name} to Tacit, ${version}${missing ? ` (${missing})` : ''}`;
    describe.skipIf(missing !== undefined)(title, () => {
      handshakes(client);
      clientAuthentication(client);
      negotiation(client);
      records(client);
      if (version === 'TLSv1.3') newInTls13(client);
    });
  }
}

function resumes({ version, abilities }: PeerClient): boolean {
  return version === 'TLSv1.3' || abilities.takesTls12Tickets;
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
    expectSameSecrets(client.version, lines, readFileSync(keyLog, 'utf8'));
  });

  test('resumed', async () => {
    const exchange = await serveTo(client, { connections: 2 });
    expectExchange(exchange, [{}, { resumed: resumes(client) }]);
  });

  test('nothing resumed without tickets', async () => {
    const exchange = await serveTo(client, { connections: 2 }, { tickets: { count: 0 } });
    expectExchange(exchange, [{}, {}]);
  });
}

/** TLS 1.2 has no alert for it. */
function ofMissingCertificate({ version }: PeerClient): ExpectedAlert {
  return version === 'TLSv1.3' ? 'certificate_required' : 'handshake_failure';
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
    expectExchange(exchange, [{}, { resumed: resumes(client) }]);
    if (!resumes(client)) return;
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
    expect(peer[0]!.error).toMatch(alertText(ofMissingCertificate(client)));
  });

  test('client certificate of an unknown CA', async () => {
    const { peer, failure } = await serveTo(client, { identity: certificates.stranger }, required);
    expect(failure).toBeInstanceOf(TlsCertificateError);
    const [check, alert] = client.abilities.heedsAuthorities
      ? (['missing', ofMissingCertificate(client)] as const)
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

  test.each(everyCipherSuite[client.version])('%s', async (cipherSuite) => {
    const own = identity(certificates.server(keyTypeFor(cipherSuite)));
    const options = { cipherSuites: [cipherSuite], identity: own };
    const exchange = await serveTo(client, { connections: 2 }, options);
    expectExchange(exchange, [{ cipherSuite }, { cipherSuite, resumed: resumes(client) }]);
  });

  for (const group of everyGroup) {
    const able = client.abilities.groups.includes(group);
    test.skipIf(!able)(`group ${group}${able ? '' : ` (${client.name} has none)`}`, async () => {
      // In TLS 1.2 the groups speak for the curves of certificates too.
      const exchange = await serveTo(
        client,
        { groups: [group] },
        { identity: identity(certificates.server('rsa2048')) },
      );
      expectExchange(exchange, [{ group }]);
    });
  }

  for (const scheme of signatureSchemesOf(client.version)) {
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
  test('1 MiB each way', async () => {
    expectExchange(await serveTo(client, { size: 'large' }));
  });

  test.skipIf(!client.abilities.limitsRecords)('records limited by the peer', async () => {
    // Less than it reads from its input at once, and gnutls-cli itself loses data.
    const exchange = await serveTo(client, { recordSizeLimit: 4096 });
    expectExchange(exchange);
  });

  test.skipIf(!client.abilities.halfCloses)('tickets, and the close of a one-way receiver', async () => {
    const exchange = await serveTo(client, { oneWay: true, connections: 2 });
    expectExchange(exchange, [{}, { resumed: true }]);
  });
}

function newInTls13(client: PeerClient): void {
  test('HelloRetryRequest', async () => {
    const exchange = await serveTo(client, retryClient, retryServer);
    expectExchange(exchange, [retried]);
  });

  test('resumed with HelloRetryRequest', async () => {
    const exchange = await serveTo(client, { ...retryClient, connections: 2 }, retryServer);
    const again = client.abilities.remembersGroups ? { group: 'secp384r1' } : retried;
    expectExchange(exchange, [retried, { ...again, resumed: true }]);
  });

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
}
