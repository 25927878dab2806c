import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import nodeTls, { type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import tacitTls from '../../src/node.ts';
import tacitHttps from '../../src/node-https.ts';
import {
  clientCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { closeServers, faces, identity, listening, outcomeOf, root, to } from '../support/node-faces.ts';
import { makeProgramDirectory, removeProgramDirectory, run, write } from '../support/registered.ts';

let other: TestCertificate;
let client: TestCertificate;
beforeAll(async () => {
  await makeProgramDirectory();
  other = await rootCertificate({ subject: 'CN=Other', key: testKey('p256', 'other') });
  client = await clientCertificate(other);
});
afterAll(removeProgramDirectory);
afterEach(closeServers);

const unknown = 'error UNABLE_TO_VERIFY_LEAF_SIGNATURE';
const known = 'secure true null';

describe.each(['tacit', 'node'] as const)('addCACert of a context of %s', (name) => {
  const tls = faces[name];
  const outcome = (port: number, secureContext: SecureContext): Promise<string> =>
    outcomeOf(tls.connect({ ...to(port), ca: [], secureContext }));

  test.each([
    ['`ca`', () => ({ ca: other.pem })],
    ['the default', () => ({})],
    ['a `ca` of nobody', () => ({ ca: [] })],
  ])('adds to %s, at any time, and to no other context', async (_what, options) => {
    const { port } = await listening(faces.node, identity());
    const [context, second] = [tls.createSecureContext(options()), tls.createSecureContext(options())];
    expect(await outcome(port, context)).toBe(unknown);
    context.context.addCACert(root.pem);
    expect(await outcome(port, context)).toBe(known);
    expect(await outcome(port, second)).toBe(unknown);
  });

  test('keeps those that were there', async () => {
    const { port } = await listening(faces.node, identity());
    const context = tls.createSecureContext({ ca: root.pem });
    for (const added of [other.pem, Buffer.from(client.pem), 'no certificate'])
      context.context.addCACert(added);
    expect(await outcome(port, context)).toBe(known);
  });

  test('counts for a socket that is made, as long as it has not verified', async () => {
    const { port } = await listening(faces.node, identity());
    const secureContext = tls.createSecureContext();
    const raw = new net.Socket();
    const socket = tls.connect({ socket: raw, servername: 'localhost', secureContext });
    secureContext.context.addCACert(root.pem);
    raw.connect(port, '127.0.0.1');
    expect(await outcomeOf(socket)).toBe(known);
  });

  test('is for the clients of a server too, and shows in the issuers', async () => {
    const secureContext = tls.createSecureContext(identity());
    const accepted: Promise<TLSSocket> = new Promise((resolve) => {
      const listener = net.createServer((raw) => {
        listener.close();
        const asking = { isServer: true, requestCert: true, rejectUnauthorized: true, secureContext };
        const socket = new tls.TLSSocket(raw, asking);
        socket.on('error', () => {}).once('secure', () => resolve(socket));
      });
      secureContext.context.addCACert(other.pem);
      listener.listen(0, '127.0.0.1', () => {
        const { port } = listener.address() as AddressInfo;
        tls.connect({ ...to(port), key: client.keyPem, cert: client.pem }).on('error', () => {});
      });
    });
    const socket = await accepted;
    expect(socket.getPeerCertificate(true).issuerCertificate?.raw).toEqual(Buffer.from(other.der));
    socket.destroy();
  });
});

test('addCACert takes what `ca` takes', () => {
  const { context } = tacitTls.createSecureContext();
  const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  expect(() => context.addCACert(broken)).toThrow(expect.objectContaining({ code: 'TLS_USAGE' }));
  for (const given of [undefined, 5, {}])
    expect(() => context.addCACert(given)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});

describe('a package that puts another createSecureContext in its place', () => {
  const own = tacitTls.createSecureContext;
  const seen: SecureContextOptions[] = [];

  /** As packages do that add the authorities of a system. */
  const adding = (options?: SecureContextOptions): SecureContext => {
    seen.push(options!);
    const made = own(options);
    if (!options!.ca) made.context.addCACert(root.pem);
    return made;
  };
  const replaced = async (make: typeof own, action: () => unknown): Promise<void> => {
    seen.length = 0;
    tacitTls.createSecureContext = make;
    try {
      await action();
    } finally {
      tacitTls.createSecureContext = own;
    }
  };

  test('is asked for the context of each connection and server', async () => {
    const { port } = await listening(faces.node, identity(), (accepted) => accepted.resume());
    const wishes = { port, host: '127.0.0.1', servername: 'localhost' };
    await replaced(adding, async () => {
      expect(await outcomeOf(faces.tacit.connect(wishes))).toBe(known);
      expect(await outcomeOf(faces.tacit.connect({ ...wishes, ca: other.pem }))).toBe(unknown);
      expect(seen).toMatchObject([{ ciphers: tacitTls.DEFAULT_CIPHERS }, { ca: other.pem }]);
      const raw = net.connect(port, '127.0.0.1');
      const socket = new tacitTls.TLSSocket(raw, { servername: 'localhost' } as object);
      await once(socket, 'secure');
      socket.destroy();
      const request = tacitHttps.get({ ...wishes, agent: false });
      request.on('error', () => {});
      const [secured] = (await once(request, 'socket')) as [TLSSocket];
      await once(secured, 'secureConnect');
      expect(secured.authorized).toBe(true);
      request.destroy();
      const server = faces.tacit.createServer(identity());
      server.setSecureContext(identity());
      server.addContext('other.example', identity());
      expect(seen.slice(-3)).toMatchObject([identity(), identity(), identity()]);
    });
    expect(await outcomeOf(faces.tacit.connect(wishes))).toBe(unknown);
  });

  test('has to give one of this module', async () => {
    await replaced(nodeTls.createSecureContext, () => {
      expect(() => tacitTls.connect({ port: 1, host: '127.0.0.1' })).toThrow(
        expect.objectContaining({ code: 'ERR_TLS_INVALID_CONTEXT' }),
      );
    });
  });

  test('finds it in the whole process, where that is registered', async () => {
    const { keyPem: key, pem: cert } = await serverCertificate(other, { names: ['localhost'] });
    const { port } = await listening(faces.node, { key, cert });
    write('other.pem', other.pem);
    const program = `
      import tls from 'node:tls';
      import { readFileSync } from 'node:fs';
      const { createSecureContext } = tls;
      const value = (options) => {
        const made = createSecureContext(options);
        made.context.addCACert(readFileSync('other.pem'));
        return made;
      };
      Object.defineProperty(tls, 'createSecureContext', { value });
      const socket = tls.connect({ port: ${port}, host: '127.0.0.1', servername: 'localhost' }, () => {
        console.log(socket.authorized, 'sendTickets' in socket);
        socket.destroy();
      });
    `;
    const outcome = await run(program, { flags: ['--import', 'tacit-tls/node/register'] });
    expect(outcome).toEqual({ code: 0, stdout: 'true true\n', stderr: '' });
  });
});
