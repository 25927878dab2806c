// OCSP responses that openssl's responder has made, to and from openssl.

import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { TlsCertificateError } from '../src/index.ts';
import { expectExchange } from './support/expectations.ts';
import { opensslClientWith, opensslServerWith } from './support/openssl.ts';
import { missing } from './support/peers.ts';
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

describe.skipIf(reason !== undefined)(`OCSP responses and openssl${reason ? ` (${reason})` : ''}`, () => {
  test.each(['good', 'revoked'] as const)('s_client gets the one of a Tacit server (%s)', async (status) => {
    const ocspResponse = new Uint8Array(await readFile(await responseFile(status)));
    const served = { ...identity(certificates.server()), ocspResponse: async () => ocspResponse };
    const exchange = await serveTo(opensslClientWith('-status'), {}, { identity: served });
    expectExchange(exchange);
    expect(exchange.peer[0]!.stapledStatus).toBe(status);
  });

  test('s_client that does not ask, and one that asks a server without one', async () => {
    const ocspResponse = new Uint8Array(await readFile(await responseFile('good')));
    const served = { ...identity(certificates.server()), ocspResponse };
    const quiet = await serveTo(opensslClientWith(), {}, { identity: served });
    expectExchange(quiet);
    const asking = await serveTo(opensslClientWith('-status'), {});
    expectExchange(asking);
    for (const { peer } of [quiet, asking]) expect(peer[0]!.stapledStatus).toBeUndefined();
  });

  test('a Tacit client takes a good one of s_server, also where it must have one', async () => {
    const server = opensslServerWith('-status_file', await responseFile('good'));
    for (const stapledResponses of ['check', 'require'] as const) {
      const revocation = { stapledResponses };
      expectExchange(await connectTo(server, {}, { ca: roots(), revocation }));
    }
  });

  test('a Tacit client refuses what s_server says of itself that it is revoked', async () => {
    const server = opensslServerWith('-status_file', await responseFile('revoked'));
    const { failure, peer } = await connectTo(server, {});
    expect(failure).toBeInstanceOf(TlsCertificateError);
    expect(failure).toMatchObject({ check: 'revoked' });
    expect(peer[0]!.error).toMatch(/alert certificate revoked/);
  });

  test('a Tacit client that must have one refuses s_server without', async () => {
    const revocation = { stapledResponses: 'require' } as const;
    const { failure, peer } = await connectTo(opensslServerWith(), {}, { revocation });
    expect(failure).toMatchObject({ check: 'missing_ocsp_response' });
    expect(peer[0]!.error).toMatch(/bad certificate status response.*alert number 113/);
  });
});
