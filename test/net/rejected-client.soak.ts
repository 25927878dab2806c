import { expect, test } from 'vitest';
import { refuseNode, refusingServer } from '../support/rejected-clients.ts';

test('node:tls with a data listener, refused while it writes, reads why: 100 × 64 000 000 bytes', async () => {
  const server = await refusingServer();
  const codes = await refuseNode(server, 100, 64_000_000);
  await server.listener.close();
  const expected = Array.from({ length: 100 }, () => 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  expect(codes).toEqual(expected);
});
