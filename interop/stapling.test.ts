// OCSP responses that openssl's responder has made, to and from the peers that can staple.

import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { TlsCertificateError } from '../src/index.ts';
import { driverClient, driverServer } from './support/driver.ts';
import { expectExchange } from './support/expectations.ts';
import { gnutlsClient, gnutlsServer } from './support/gnutls.ts';
import { everyVersion } from './support/names.ts';
import { opensslClientWith, opensslServerWith } from './support/openssl.ts';
import { sha256 } from './support/payload.ts';
import type { PeerClient, PeerServer } from './support/peer.ts';
import { goProgram, missing, nodeProgram } from './support/peers.ts';
import { start } from './support/process.ts';
import { certificates, scratchFile } from './support/run.ts';
import { connectTo, identity, roots, serveTo } from './support/tacit.ts';

const reason = missing('openssl');

/** A file with the response of `openssl ocsp`, the issuer itself, about the server's certificate. */
async function responseFile(status: 'good' | 'revoked'): Promise<string> {
  const { cert, intermediates } = certificates.server();
  const { serialNumber } = new X509Certificate(await readFile(cert));
  const index = scratchFile('index.txt');
  const state = status === 'good' ? 'V\t490101000000Z\t' : 'R\t490101000000Z\t260101000000Z,keyCompromise';
  await writeFile(index, `${state}\t${serialNumber}\tunknown\t/CN=Test Server\n`);
  const request = scratchFile('request.der');
  const response = scratchFile('response.der');
  const asking = ['-issuer', intermediates, '-cert', cert, '-no_nonce', '-reqout', request];
  const answering = ['-index', index, '-CA', intermediates, '-rsigner', intermediates];
  answering.push('-rkey', certificates.intermediateKey, '-ndays', '1', '-reqin', request);
  for (const args of [asking, [...answering, '-respout', response]]) {
    const { code } = await start('openssl', ['ocsp', ...args]).exited;
    expect(code).toBe(0);
  }
  return response;
}

const title = `OCSP responses and openssl, %s${reason ? ` (${reason})` : ''}`;
describe.skipIf(reason !== undefined).each(everyVersion)(title, (version) => {
  const client = (...extra: readonly string[]): PeerClient => ({ ...opensslClientWith(...extra), version });
  const server = (...extra: readonly string[]): PeerServer => ({ ...opensslServerWith(...extra), version });

  test.each(['good', 'revoked'] as const)('s_client gets the one of a Tacit server (%s)', async (status) => {
    const ocspResponse = new Uint8Array(await readFile(await responseFile(status)));
    const served = { ...identity(certificates.server()), ocspResponse: async () => ocspResponse };
    const exchange = await serveTo(client('-status'), {}, { identity: served });
    expectExchange(exchange);
    expect(exchange.peer[0]!.stapledStatus).toBe(status);
  });

  test('s_client that does not ask, and one that asks a server without one', async () => {
    const ocspResponse = new Uint8Array(await readFile(await responseFile('good')));
    const served = { ...identity(certificates.server()), ocspResponse };
    const quiet = await serveTo(client(), {}, { identity: served });
    expectExchange(quiet);
    const asking = await serveTo(client('-status'), {});
    expectExchange(asking);
    for (const { peer } of [quiet, asking]) expect(peer[0]!.stapledStatus).toBeUndefined();
  });

  test('a Tacit client takes a good one of s_server, also where it must have one', async () => {
    const stapling = server('-status_file', await responseFile('good'));
    for (const stapledResponses of ['check', 'require'] as const) {
      const revocation = { stapledResponses };
      expectExchange(await connectTo(stapling, {}, { ca: roots(), revocation }));
    }
  });

  test('a Tacit client refuses what s_server says of itself that it is revoked', async () => {
    const stapling = server('-status_file', await responseFile('revoked'));
    const { failure, peer } = await connectTo(stapling, {});
    expect(failure).toBeInstanceOf(TlsCertificateError);
    expect(failure).toMatchObject({ check: 'revoked' });
    expect(peer[0]!.error).toMatch(/alert certificate revoked/);
  });

  test('a Tacit client that must have one refuses s_server without', async () => {
    const revocation = { stapledResponses: 'require' } as const;
    const { failure, peer } = await connectTo(server(), {}, { revocation });
    expect(failure).toMatchObject({ check: 'missing_ocsp_response' });
    expect(peer[0]!.error).toMatch(/bad certificate status response.*alert number 113/);
  });
});

const others = [
  { needs: ['node'], client: driverClient(nodeProgram), server: driverServer(nodeProgram) },
  { needs: ['go'], client: driverClient(goProgram), server: driverServer(goProgram) },
  { needs: ['gnutls-cli', 'gnutls-serv'], client: gnutlsClient, server: gnutlsServer },
];

for (const { needs, ...peers } of others) {
  const lacking = reason ?? needs.map(missing).find((text) => text !== undefined);
  const both = [...new Set([peers.client.name, peers.server.name])].join(' and ');
  const title = `OCSP responses and ${both}, %s${lacking ? ` (${lacking})` : ''}`;
  describe.skipIf(lacking !== undefined).each(everyVersion)(title, (version) => {
    const client: PeerClient = { ...peers.client, version };
    const server: PeerServer = { ...peers.server, version };

    test('the client gets the one of a Tacit server', async () => {
      const ocspResponse = new Uint8Array(await readFile(await responseFile('good')));
      const served = { ...identity(certificates.server()), ocspResponse };
      const exchange = await serveTo(client, { asksForOcspResponse: true }, { identity: served });
      expectExchange(exchange);
      expect(exchange.peer[0]!.stapledResponse).toBe(sha256(ocspResponse));
    });

    test('a Tacit client takes a good one of the server, and refuses the other', async () => {
      const revocation = { stapledResponses: 'require' } as const;
      const good = await responseFile('good');
      expectExchange(await connectTo(server, { ocspResponse: good }, { revocation }));
      const { failure } = await connectTo(server, { ocspResponse: await responseFile('revoked') });
      expect(failure).toMatchObject({ check: 'revoked' });
    });
  });
}
