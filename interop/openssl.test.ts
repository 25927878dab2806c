// What only openssl can be made to do.

import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { expectExchange } from './support/expectations.ts';
import { everyVersion } from './support/names.ts';
import { opensslClientWith, opensslServerWith } from './support/openssl.ts';
import { missing } from './support/peers.ts';
import { start } from './support/process.ts';
import { certificates, scratchFile } from './support/run.ts';
import { connectTo, roots, serveTo } from './support/tacit.ts';

const reason = missing('openssl');

describe.skipIf(reason !== undefined)(`openssl s_client to Tacit${reason ? ` (${reason})` : ''}`, () => {
  test.each([
    ['', {}, {}],
    [', with HelloRetryRequest', { groups: ['x25519', 'secp384r1'] }, { groups: ['secp384r1'] }],
  ] as const)('0-RTT data is skipped%s', async (_, run, options) => {
    // The session is another server's: Tacit does not know its ticket, and cannot read what comes under it.
    const earlyData = scratchFile('early-data');
    writeFileSync(earlyData, Buffer.alloc(16_384, 'early'));
    const session = await sessionForEarlyData();
    const client = opensslClientWith('-sess_in', session, '-early_data', earlyData);
    const exchange = await serveTo(client, run, options);
    expectExchange(exchange, [{ helloRetryRequest: 'groups' in run }]);
    expect(exchange.peer[0]!.earlyData).toBe('rejected');
  });

  test.each(everyVersion)('small fragments, of the handshake too, %s', async (version) => {
    const identity = certificates.client('rsa2048');
    const client = { ...opensslClientWith('-max_send_frag', '512'), version };
    const required = { clientAuthentication: 'require', ca: roots() } as const;
    expectExchange(await serveTo(client, { identity }, required));
  });

  test('padded records', async () => {
    expectExchange(await serveTo(opensslClientWith('-record_padding', '1000'), {}));
  });

  test.each(everyVersion)('extensions that Tacit does not have, or has no answer to, %s', async (version) => {
    const extensions = ['-status', '-enable_pha', '-maxfraglen', '1024', '-serverinfo', '18,4660'];
    expectExchange(await serveTo({ ...opensslClientWith(...extensions), version }, {}));
  });

  test('without compatibility mode', async () => {
    expectExchange(await serveTo(opensslClientWith('-no_middlebox'), { connections: 2 }), [
      {},
      { resumed: true },
    ]);
  });
});

describe.skipIf(reason !== undefined)(`Tacit to openssl s_server${reason ? ` (${reason})` : ''}`, () => {
  test('HelloRetryRequest for a cookie', async () => {
    // In compatibility mode s_server refuses its own s_client too: it takes no change_cipher_spec between the hellos.
    const exchange = await connectTo(opensslServerWith('-stateless'), {}, { compatibilityMode: false });
    expectExchange(exchange, [{ helloRetryRequest: true, group: 'x25519' }]);
  });

  test.each(everyVersion)('small fragments, of the handshake too, %s', async (version) => {
    const identity = certificates.server('rsa2048');
    expectExchange(await connectTo({ ...opensslServerWith('-max_send_frag', '512'), version }, { identity }));
  });

  test('padded records', async () => {
    expectExchange(await connectTo(opensslServerWith('-record_padding', '1000'), {}));
  });

  test.each(['0', '8'])('%s tickets', async (tickets) => {
    const exchange = await connectTo(opensslServerWith('-num_tickets', tickets), { connections: 2 });
    expectExchange(exchange, [{}, { resumed: tickets !== '0' }]);
  });
});

/** A session of an s_server that takes 0-RTT data. */
async function sessionForEarlyData(): Promise<string> {
  const session = scratchFile('session.pem');
  const { cert, key, intermediates } = certificates.server();
  const identity = ['-cert', cert, '-key', key, '-cert_chain', intermediates];
  const args = ['-accept', '127.0.0.1:0', '-naccept', '1', '-tls1_3', '-early_data', ...identity];
  const server = start('openssl', ['s_server', ...args]);
  const [, port] = await server.match(/^ACCEPT .*:(\d+)$/m);
  const client = start('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-sess_out', session]);
  await client.poll('the session', async () => {
    const text = await readFile(session, 'utf8').catch(() => '');
    return text.includes('-----END') || undefined;
  });
  client.endInput();
  await client.exited;
  return session;
}
