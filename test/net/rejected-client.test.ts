import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type RefusingServer, refuseNode, refuseTacit, refusingServer } from '../support/rejected-clients.ts';

// A few seconds; much more where a machine has other things to do.
vi.setConfig({ testTimeout: 120_000 });

let server: RefusingServer;

beforeEach(async () => {
  server = await refusingServer();
});

afterEach(() => server.listener.close());

describe('a client that is refused while it writes reads why', () => {
  test.each([4_000_000, 64_000_000])('Tacit, which reads by itself: 100 × %i bytes', async (length) => {
    for (const error of await refuseTacit(server, 100, length)) {
      expect(error).toMatchObject({ alert: 'certificate_required', direction: 'received' });
    }
    expect(server.refusals.length).toBe(100);
    for (const error of server.refusals) {
      expect(error).toMatchObject({ name: 'TlsCertificateError', check: 'missing' });
    }
  });

  // node:tls encrypts everything before it writes anything: the rest of the large ones is in the soak test.
  test.each([
    { rounds: 100, length: 4_000_000 },
    { rounds: 10, length: 64_000_000 },
  ])('node:tls with a data listener: $rounds × $length bytes', async ({ rounds, length }) => {
    const codes = await refuseNode(server, rounds, length);
    const expected = Array.from({ length: rounds }, () => 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    expect(codes).toEqual(expected);
  });
});
