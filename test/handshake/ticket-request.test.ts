import { describe, expect, it } from 'vitest';
import type { ServerSettings } from '../../src/connection/config.ts';
import type { ClientConfig } from '../../src/handshake/config.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/messages.ts';
import { clientConfig, clientEndpoint, type Endpoint, serverConfig } from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  connect,
  outcomeOf,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { clientWithHello, helloOf } from '../support/hello.ts';

interface Issued {
  /** expected_count in EncryptedExtensions. */
  readonly announced: number | undefined;
  readonly tickets: number;
}

async function issued(client: Endpoint, tickets: ServerSettings['tickets'] = {}): Promise<Issued> {
  let announced: number | undefined;
  const through = altering('encrypted_extensions', (message) => {
    announced = decodeEncryptedExtensions(message.subarray(4)).ticket_request;
    return message;
  });
  const server = serverOf(await serverConfig({ tickets }), through);
  return { tickets: connect(client, server).sessions.length, announced };
}

function asking(newSession: number, resumption = 0): ClientConfig {
  return clientConfig({ ticketRequest: { newSession, resumption } });
}

/** A client that asks by ticket_request, without Tacit's own idea of when that makes sense. */
function withRequest(newSessionCount: number, modes: readonly number[] | undefined): Endpoint {
  return clientWithHello(clientConfig(), (hello) => ({
    ...hello,
    extensions: {
      ...hello.extensions,
      psk_key_exchange_modes: modes,
      ticket_request: { newSessionCount, resumptionCount: 0 },
    },
  }));
}

describe('ticket_request (RFC 9149)', () => {
  it('is what the client asks for, in that order, and absent where it asks for nothing', () => {
    expect(helloOf(clientEndpoint(asking(3, 1))).extensions.ticket_request).toEqual({
      newSessionCount: 3,
      resumptionCount: 1,
    });
    expect(helloOf(clientEndpoint(clientConfig())).extensions.ticket_request).toBeUndefined();
    const off = clientConfig({ ticketRequest: { newSession: 1, resumption: 1 }, sessions: false });
    expect(helloOf(clientEndpoint(off)).extensions.ticket_request).toBeUndefined();
  });

  it.each([
    [0, { announced: 0, tickets: 0 }],
    [1, { announced: 1, tickets: 1 }],
    [2, { announced: 2, tickets: 2 }],
    [255, { announced: 2, tickets: 2 }],
  ])('for %i tickets gives no more than the server would owe', async (count, expected) => {
    expect(await issued(clientEndpoint(asking(count)))).toEqual(expected);
  });

  it('is kept within the server’s setting, 0 included', async () => {
    expect(await issued(clientEndpoint(asking(5)), { count: 4 })).toEqual({ announced: 4, tickets: 4 });
    expect(await issued(clientEndpoint(asking(5)), { count: 0 })).toEqual({ announced: 0, tickets: 0 });
  });

  it('is not answered where it was not sent: the server owes what its settings say', async () => {
    expect(await issued(clientEndpoint(clientConfig()))).toEqual({ announced: undefined, tickets: 2 });
    expect(await issued(clientEndpoint(clientConfig()), { count: 8 })).toEqual({
      announced: undefined,
      tickets: 8,
    });
  });

  it('counts resumed handshakes apart', async () => {
    const announced: (number | undefined)[] = [];
    const through = altering('encrypted_extensions', (message) => {
      announced.push(decodeEncryptedExtensions(message.subarray(4)).ticket_request);
      return message;
    });
    const server = await serverConfig({ tickets: { count: 3, resumedCount: 2 } });
    const client = asking(1, 5);
    const counts = [1, 2].map(
      () => connect(clientEndpoint(client), serverOf(server, through)).sessions.length,
    );
    expect(counts).toEqual([1, 2]);
    expect(announced).toEqual([1, 2]);
  });

  it.each([[undefined], [[0]]])('without psk_dhe_ke (modes %j) gives none, and says so', async (modes) => {
    expect(await issued(withRequest(2, modes))).toEqual({ announced: 0, tickets: 0 });
  });

  it('of 0 also keeps sendTickets from making any', async () => {
    const client = clientEndpoint(asking(0));
    const server = serverOf(await serverConfig());
    connect(client, server);
    let count = -1;
    const { output } = server.turn((engine) => {
      count = engine.sendTickets(2);
    });
    expect([count, output.length]).toEqual([0, 0]);
  });

  it('that was not sent, but is answered, is an unsupported_extension', async () => {
    const server = alteringServer(await serverConfig(), 'encrypted_extensions', (message) => {
      const { order, ...extensions } = decodeEncryptedExtensions(message.subarray(4));
      return encodeEncryptedExtensions({ ...extensions, ticket_request: 1 });
    });
    expect(outcomeOf(clientEndpoint(clientConfig()), server)).toEqual(
      refusedByClient('unsupported_extension'),
    );
  });

  it('that was sent may be answered by any number, or not at all', async () => {
    for (const ticket_request of [0, 1, 255, undefined]) {
      const server = alteringServer(await serverConfig(), 'encrypted_extensions', (message) => {
        const { order, ...extensions } = decodeEncryptedExtensions(message.subarray(4));
        return encodeEncryptedExtensions({ ...extensions, ticket_request });
      });
      expect(outcomeOf(clientEndpoint(asking(1)), server)).toEqual(bothDone);
    }
  });
});
