import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { KeyExchange } from '../../src/crypto/provider.ts';
import { afterClientHello } from '../../src/handshake/client.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { HandshakeOutcome } from '../../src/handshake/outcome.ts';
import { receiveClientFlight } from '../../src/handshake/server.ts';
import { type Flight, type Handshake, receive } from '../../src/handshake/steps.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import { decodeCertificate, decodeCertificateVerify } from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { recode } from '../support/recode.ts';
import { ecKeyPair, x25519KeyPair } from '../support/seeded-provider.ts';
import { publishedTraces, type Side, type Trace } from '../support/traces.ts';

const traces = publishedTraces();

/** Without the one that sends 0-RTT data, which is not accepted yet. */
const names = ['simple-1rtt', 'hello-retry-request', 'client-auth', 'compatibility-mode'] as const;

const suite = cipherSuites.TLS_AES_128_GCM_SHA256;
const now = Date.UTC(2018, 8, 1);

describe.skipIf(!traces)('the published connections (tls13-traces.json)', () => {
  it('every message parses, and encodes back to the same bytes', () => {
    const count: Record<string, number> = {};
    for (const [name, trace] of traces ?? []) {
      for (const message of [...trace.messages('client'), ...trace.messages('server')]) {
        expect(toHex(recode(message)), name).toBe(toHex(message));
        count[name] = (count[name] ?? 0) + 1;
      }
    }
    expect(count).toEqual({
      'simple-1rtt': 8,
      'resumed-0rtt': 6,
      'hello-retry-request': 9,
      'client-auth': 10,
      'compatibility-mode': 7,
    });
  });

  it.each(names)('%s: a client with its keys accepts the server, and says the same', (name) => {
    const trace = traceOf(name);
    const { connection, events } = new Replay(clientOf(trace));
    expect(toHex(written(connection))).toBe(toHex(firstFlight(trace)));
  });
});

function traceOf(name: string): Trace {
  const trace = traces?.get(name);
  if (!trace) throw new Error(`there is no trace ${name}`);
  return trace;
}
