import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type nodeTls from 'node:tls';
import { inherits } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { faces, identity, makeLocalhost, to } from '../support/node-faces.ts';

type Made<One> = new (...given: unknown[]) => One & { readonly note: string };

beforeAll(makeLocalhost);

/** As code from before classes derives from a class of Node's. */
function derived<One>(base: abstract new (...given: never[]) => One): Made<One> {
  function Derived(this: { note: string }, ...given: unknown[]): void {
    this.note = 'its own';
    Reflect.apply(base as never, this, given);
  }
  inherits(Derived, base as never);
  return Derived as unknown as Made<One>;
}

describe.each(['tacit', 'node'] as const)('classes of %s', (name) => {
  const tls = faces[name];

  test('are called on objects of classes that ES5 code derives from them', async () => {
    const servers: unknown[] = [];
    const DerivedServer = derived<nodeTls.Server>(tls.Server);
    const DerivedSocket = derived<nodeTls.TLSSocket>(tls.TLSSocket);
    const server = new DerivedServer(identity(), (socket: nodeTls.TLSSocket) =>
      setImmediate(() => socket.pipe(socket)),
    );
    server.on('secureConnection', (socket) => servers.push((socket as { server?: unknown }).server));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { ca } = to(port);
    const secureContext = tls.createSecureContext({ ca });
    const socket = new DerivedSocket(net.connect(port, '127.0.0.1'), {
      secureContext,
      servername: 'localhost',
    });
    for (const [made, derived, base] of [
      [server, DerivedServer, tls.Server],
      [socket, DerivedSocket, tls.TLSSocket],
    ] as const) {
      expect(made.note).toBe('its own');
      expect(made).toBeInstanceOf(derived);
      expect(made).toBeInstanceOf(base);
    }
    socket.end('there and back');
    expect(await text(socket)).toBe('there and back');
    expect(servers).toEqual([server]);
    server.close();
    await once(server, 'close');
  });

  test('are called without new, whatever they are called on', () => {
    const { TLSSocket, Server } = tls as unknown as Record<string, (this: unknown) => unknown>;
    for (const self of [undefined, tls, {}]) {
      expect(Server?.call(self)).toBeInstanceOf(tls.Server);
      // Node's own needs an object.
      if (name === 'tacit') expect(TLSSocket?.call(self)).toBeInstanceOf(tls.TLSSocket);
    }
  });

  test('are derived from, and are their objects’ constructors', () => {
    class Derived extends tls.Server {
      readonly isDerived = true;
    }
    expect(new Derived()).toMatchObject({ isDerived: true });
    expect(new Derived()).toBeInstanceOf(tls.Server);
    expect(new tls.Server().constructor).toBe(tls.Server);
  });
});
