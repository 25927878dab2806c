import { expect } from 'vitest';
import type { Version } from './names.ts';
import type { PeerReport } from './peer.ts';
import type { Exchange, TacitReport } from './tacit.ts';

/** What both sides of one connection must agree on, and what it must have been. */
export interface ExpectedConnection {
  /** The highest version of the peer, where a test does not say. */
  readonly protocolVersion?: Version;
  readonly resumed?: boolean;
  readonly cipherSuite?: string;
  readonly group?: string;
  readonly alpnProtocol?: string | undefined;
  readonly helloRetryRequest?: boolean;
  readonly extendedMasterSecret?: boolean;
}

/**
 * Expects that every connection went through whole, and was what `expected` says, one entry per connection.
 */
export function expectExchange(
  { tacit, peer, failure, version, hashes, ends }: Exchange,
  expected: readonly ExpectedConnection[] = [{}],
): void {
  expect(peer.map((report) => report.error)).toEqual(expected.map(() => undefined));
  expect(failure).toBeUndefined();
  expect(tacit).toHaveLength(expected.length);
  for (const [i, wanted] of expected.entries())
    expectConnection(tacit[i]!, peer[i]!, { version, hashes, ends }, wanted);
}

function expectConnection(
  tacit: TacitReport,
  peer: PeerReport,
  { version, hashes, ends }: Pick<Exchange, 'version' | 'hashes' | 'ends'>,
  expected: ExpectedConnection,
): void {
  const { info } = tacit;
  expect({
    protocolVersion: info.protocolVersion,
    extendedMasterSecret: info.extendedMasterSecret,
    resumed: info.resumed,
    helloRetryRequest: info.helloRetryRequest,
    alpnProtocol: info.alpnProtocol,
  }).toEqual({
    protocolVersion: expected.protocolVersion ?? version,
    extendedMasterSecret: expected.extendedMasterSecret ?? true,
    resumed: expected.resumed ?? false,
    helloRetryRequest: expected.helloRetryRequest ?? false,
    alpnProtocol: expected.alpnProtocol,
  });
  if (expected.cipherSuite !== undefined) expect(info.cipherSuite).toBe(expected.cipherSuite);
  if (expected.group !== undefined) expect(info.group).toBe(expected.group);

  expect(peer.resumed).toBe(info.resumed);
  // What the peer can say, it says the same.
  const shared = {
    protocolVersion: info.protocolVersion,
    cipherSuite: info.cipherSuite,
    group: info.group,
    helloRetryRequest: info.helloRetryRequest,
    extendedMasterSecret: info.extendedMasterSecret,
    exporter: tacit.exporter,
    exporterInContext: tacit.exporterInContext,
  };
  for (const [field, value] of Object.entries(shared)) {
    const said = peer[field as keyof PeerReport];
    // Some go on telling what a session was made with.
    if (said !== undefined && said !== null && value !== undefined)
      expect({ [field]: said }).toEqual({ [field]: value });
  }
  expect(peer.alpnProtocol ?? undefined).toBe(info.alpnProtocol);

  expect(tacit.sha256).toBe(hashes.tacit);
  if (peer.sha256 !== undefined) expect(peer.sha256).toBe(hashes.peer);
  expect(ends).toContain(tacit.closed.ended);
  // Tacit's end is never anything else than a close_notify.
  expect(peer.ended ?? 'close_notify').toBe('close_notify');
}

const secretLabels: Readonly<Record<Version, readonly string[]>> = {
  'TLSv1.2': ['CLIENT_RANDOM'],
  'TLSv1.3': [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'SERVER_TRAFFIC_SECRET_0',
  ],
};

/** Expects that both key logs, of one connection, name the same secrets; not every peer logs the exporter's. */
export function expectSameSecrets(version: Version, tacit: readonly string[], peer: string): void {
  const lines = peer.split('\n').filter((line) => /^[A-Z_0-9]+ [0-9a-fA-F]/.test(line));
  expect(lines.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining([...secretLabels[version]]));
  expect(tacit).toEqual(expect.arrayContaining(lines));
}
