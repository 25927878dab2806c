// Clients of databases and brokers, and the real servers: plain, and where tacit-tls/node/register has replaced node:tls.

import { describe, expect, test } from 'vitest';
import { databases } from './support/databases.ts';
import { reportOf, type Stack } from './support/packages.ts';
import { missing } from './support/peers.ts';

const stacks: readonly Stack[] = ['tacit', 'node'];
const refused = 'ERR_TLS_CERT_ALTNAME_INVALID';

const reports = [
  [
    'pg',
    'postgres',
    {
      version: 'TLSv1.3',
      ssl: true,
      isSame: true,
      sums: [2, 3, 4, 5, 6, 7],
      notification: 'something',
      refused: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      errors: [],
    },
  ],
  [
    'mysql2',
    'mariadbd',
    { version: 'TLSv1.3', isSame: true, sum: 42, refused: 'HANDSHAKE_SSL_ERROR', errors: [] },
  ],
  ['ioredis', 'redis-server', { isSame: true, counted: [1, 2, 3], text: 'hello', refused, errors: [] }],
  [
    'mqtt',
    'mosquitto',
    {
      granted: [2],
      received: [
        ['topic/0', 'of 0'],
        ['topic/1', 'payload'],
        ['topic/2', 'of 2'],
      ],
      refused,
    },
  ],
] as const;

describe.each(reports)('%s', (client, peer, report) => {
  const reason = missing(peer);

  test.skipIf(reason !== undefined)(
    `meets ${peer}${reason === undefined ? '' : ` (${reason})`}`,
    async () => {
      const { port } = await databases[peer]();
      for (const stack of stacks) expect(await reportOf(client, stack, port), stack).toEqual(report);
    },
  );
});

// Why TACIT_REGISTER_TRUNCATION is `tolerate` by default.
test.skipIf(missing('mariadbd') !== undefined)(
  'an end without close_notify is how mariadbd ends',
  async () => {
    const { port } = await databases.mariadbd();
    const env = { TACIT_REGISTER_TRUNCATION: 'strict' };
    expect(await reportOf('mysql2', 'tacit', port, env)).toMatchObject({
      errors: ['ERR_SSL_UNEXPECTED_EOF_WHILE_READING'],
    });
  },
);
