import { expect } from 'vitest';
import type { PeerReport } from './peer.ts';
import type { Exchange, TacitReport } from './tacit.ts';

/** What both sides of one connection must agree on, and what it must have been. */
export interface ExpectedConnection {
  readonly resumed?: boolean;
  readonly cipherSuite?: string;
  readonly group?: string;
  readonly alpnProtocol?: string | undefined;
  readonly helloRetryRequest?: boolean;
}

/**
 * Expects that every connection went through whole, and was what `expected` says, one entry per connection.
 */
export function expectExchange(
  { tacit, peer, failure, hashes, ends }: Exchange,
  expected: readonly ExpectedConnection[] = [{}],
): void {
  expect(peer.map((report) => report.error)).toEqual(expected.map(() => undefined));
  expect(failure).toBeUndefined();
  expect(tacit).toHaveLength(expected.length);
  for (const [i, wanted] of expected.entries())
    expectConnection(tacit[i]!, peer[i]!, { hashes, ends }, wanted);
}

function expectConnection(
  tacit: TacitReport,
  peer: PeerReport,
  { hashes, ends }: Pick<Exchange, 'hashes' | 'ends'>,
  expected: ExpectedConnection,
): void {
  const { info } = tacit;
  expect(info.protocolVersion).toBe('TLSv1.3');
  expect({
    resumed: info.resumed,
    helloRetryRequest: info.helloRetryRequest,
    alpnProtocol: info.alpnProtocol,
  }).toEqual({
    resumed: expected.resumed ?? false,
    helloRetryRequest: expected.helloRetryRequest ?? false,
    alpnProtocol: expected.alpnProtocol,
  });
  if (expected.cipherSuite !== undefined) expect(info.cipherSuite).toBe(expected.cipherSuite);
  if (expected.group !== undefined) expect(info.group).toBe(expected.group);

  expect(peer.resumed).toBe(info.resumed);
  // What the peer can say, it says the same.
  const shared = {
    cipherSuite: info.cipherSuite,
    group: info.group,
    helloRetryRequest: info.helloRetryRequest,
    exporter: tacit.exporter,
  };
  for (const [field, value] of Object.entries(shared)) {
    const said = peer[field as keyof PeerReport];
    if (said !== undefined && said !== null) expect({ [field]: said }).toEqual({ [field]: value });
  }
  expect(peer.alpnProtocol ?? undefined).toBe(info.alpnProtocol);

  expect(tacit.sha256).toBe(hashes.tacit);
  if (peer.sha256 !== undefined) expect(peer.sha256).toBe(hashes.peer);
  expect(ends).toContain(tacit.closed.ended);
  // Tacit's end is never anything else than a close_notify.
  expect(peer.ended ?? 'close_notify').toBe('close_notify');
}

const secretLabels = [
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
];

/** Expects that both key logs, of one connection, name the same secrets; not every peer logs the exporter's. */
export function expectSameSecrets(tacit: readonly string[], peer: string): void {
  const lines = peer.split('\n').filter((line) => /^[A-Z_0-9]+ [0-9a-fA-F]/.test(line));
  expect(lines.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(secretLabels));
  expect(tacit).toEqual(expect.arrayContaining(lines));
}
