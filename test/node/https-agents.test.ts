import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import nodeHttps from 'node:https';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import nodeTls, { type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import tls from '../../src/node.ts';
import https from '../../src/node-https.ts';
import { clientCertificate, rootCertificate } from '../support/certificates.ts';
import { identity, makeLocalhost, root } from '../support/node-faces.ts';

type Options = nodeHttps.RequestOptions & Record<string, unknown>;

const open: nodeHttps.Server[] = [];
const agents: nodeHttps.Agent[] = [];

beforeAll(makeLocalhost);
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serving(listener: RequestListener, options: nodeHttps.ServerOptions = {}): Promise<number> {
  const server = nodeHttps.createServer({ ...identity(), keepAliveTimeout: 0, ...options }, listener);
  open.push(server);
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function keeping(): InstanceType<typeof https.Agent> {
  const agent = new https.Agent({ keepAlive: true });
  agents.push(agent as nodeHttps.Agent);
  return agent;
}

/** The body of the answer; or the code of the error, or its text. */
async function answer(options: Options): Promise<string> {
  const request = https.request({ host: 'localhost', ca: root.pem, ...options } as nodeHttps.RequestOptions);
  request.end();
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return await text(response);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}

const port = (request: IncomingMessage): string => String(request.socket.remotePort);

describe('the name of a connection', () => {
  const named = (options: object): string => new https.Agent().getName(options as nodeHttps.RequestOptions);
  const bytes = (content: Buffer): DataView => new DataView(Uint8Array.from(content).buffer);
  // Both are the same text: what is no UTF-8 becomes the same character.
  const [one, other] = [Buffer.of(0x30, 0x80), Buffer.of(0x30, 0x81)];
  const shapes: [string, (content: Buffer) => unknown][] = [
    ['a Buffer', (content) => content],
    ['a view', bytes],
    ['a list of Buffers', (content) => [content]],
    ['a list of views', (content) => ['', bytes(content)]],
    ['a file with a passphrase', (content) => [{ buf: content, passphrase: '' }]],
    ['a key with a passphrase', (content) => [{ pem: content, passphrase: '' }]],
  ];
  test.each(shapes)('tells bytes apart whatever they are in: %s', (_what, shaped) => {
    for (const option of ['pfx', 'ca', 'cert', 'key', 'crl']) {
      expect(named({ [option]: shaped(one) }), option).not.toBe(named({ [option]: shaped(other) }));
      expect(named({ [option]: shaped(one) }), option).toBe(named({ [option]: shaped(Buffer.from(one)) }));
    }
  });

  test("is Node's where that says it", () => {
    for (const ca of [
      root.pem,
      Buffer.from(root.pem),
      [root.pem, Buffer.from(root.pem)],
      undefined,
      null,
      false,
    ])
      expect(named({ ca })).toBe(new nodeHttps.Agent().getName({ ca } as nodeHttps.RequestOptions));
  });

  test('keeps connections apart that trust somebody else', async () => {
    const agent = keeping() as nodeHttps.Agent;
    const to = await serving((request, response) => response.end(port(request)), {
      keepAliveTimeout: 60_000,
    });
    const stranger = await rootCertificate({ subject: 'CN=Somebody Else' });
    const ask = (pem: string): Promise<string> =>
      answer({ port: to, agent, ca: bytes(Buffer.from(pem)) as unknown as Buffer });
    const first = await ask(root.pem);
    expect(await ask(root.pem)).toBe(first);
    expect(await ask(stranger.pem)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });
});

describe('a request', () => {
  test('goes over what its own createConnection gives', async () => {
    const to = await serving((_request, response) => response.end('over its own'));
    const createConnection = vi.fn(() =>
      tls.connect({ port: to, host: 'localhost', servername: 'localhost', ca: root.pem }),
    );
    expect(await answer({ port: 1, createConnection } as never)).toBe('over its own');
    expect(createConnection).toHaveBeenCalledOnce();
  });

  test('uses the global agent that a program has put there', async () => {
    const to = await serving((_request, response) => response.end('well'));
    const ours = https.globalAgent;
    const agent = keeping();
    const createConnection = vi.spyOn(agent, 'createConnection');
    https.globalAgent = agent;
    try {
      expect(await answer({ port: to })).toBe('well');
    } finally {
      https.globalAgent = ours;
    }
    expect(createConnection).toHaveBeenCalledOnce();
  });

  test('takes a URL of another kind than Node’s', async () => {
    const to = await serving((request, response) => response.end(request.url));
    const { href, protocol, hostname, port, pathname, search, hash } = new URL(`https://localhost:${to}/a?b`);
    const alike = { href, protocol, hostname, port, pathname, search, hash };
    const request = https.get(alike as unknown as URL, { ca: root.pem });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('/a?b');
  });

  test('does not go over http', () => {
    expect(() => https.request('http://localhost/')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_PROTOCOL' }),
    );
  });
});

describe('an agent', () => {
  test('is made without new', () => {
    expect((https.Agent as unknown as () => unknown)()).toBeInstanceOf(https.Agent);
  });

  test('keeps connections of one check of the name, and of no other', async () => {
    const to = await serving((request, response) => response.end(port(request)));
    const agent = keeping();
    const accepts = (): undefined => undefined;
    const first = await answer({ port: to, agent, checkServerIdentity: accepts });
    expect(await answer({ port: to, agent, checkServerIdentity: accepts })).toBe(first);
    const refuses = (): Error => new Error('not that one');
    expect(await answer({ port: to, agent, checkServerIdentity: refuses })).toBe('not that one');
    const plain = await answer({ port: to, agent });
    expect(plain).not.toBe(first);
    expect(await answer({ port: to, agent, checkServerIdentity: nodeTls.checkServerIdentity })).toBe(plain);
  });

  test('keeps connections of one context, and of no other', async () => {
    const to = await serving(
      (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject?.CN),
      { requestCert: true, ca: root.pem, rejectUnauthorized: false },
    );
    const agent = keeping();
    const names = ['first', 'second'];
    const contexts = await Promise.all(
      names.map(async (subject) => {
        const { keyPem: key, pem: cert } = await clientCertificate(root, { subject: `CN=${subject}` });
        return tls.createSecureContext({ key, cert, ca: root.pem });
      }),
    );
    const seen: string[] = [];
    for (const secureContext of contexts) seen.push(await answer({ port: to, agent, secureContext }));
    expect(seen).toEqual(names);
  });

  test('does not use what was not verified, once it is to be', async () => {
    const to = await serving((request, response) => response.end(port(request)));
    const agent = keeping();
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await answer({ port: to, agent, ca: undefined });
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      warning.mockRestore();
    }
    expect(await answer({ port: to, agent, ca: undefined })).toMatch(/^[A-Z_]+$/);
  });

  test('does not use a connection again on which something came unasked', async () => {
    const sockets: TLSSocket[] = [];
    const to = await serving((request, response) => {
      sockets.push(request.socket as TLSSocket);
      response.end(port(request));
    });
    const agent = keeping();
    const made: TLSSocket[] = [];
    agent.on('free', (socket: TLSSocket) => made.push(socket));
    const first = await answer({ port: to, agent });
    await vi.waitFor(() => expect(made).toHaveLength(1));
    const closed = once(made[0]!, 'close');
    sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
    await closed;
    expect(await answer({ port: to, agent })).not.toBe(first);
  });
});

describe('what all objects inherit', () => {
  const polluted = Object.prototype as { rejectUnauthorized?: boolean; checkServerIdentity?: unknown };
  afterEach(() => {
    delete polluted.rejectUnauthorized;
    delete polluted.checkServerIdentity;
  });

  test.each(['rejectUnauthorized', 'checkServerIdentity'] as const)(
    'switches nothing off: %s',
    async (name) => {
      const to = await serving((_request, response) => response.end('reached'));
      if (name === 'rejectUnauthorized') polluted.rejectUnauthorized = false;
      else polluted.checkServerIdentity = () => undefined;
      const options: Options =
        name === 'rejectUnauthorized' ? { ca: undefined } : { servername: 'other.example' };
      expect(await answer({ port: to, agent: false, ...options })).toMatch(/^[A-Z_]+$/);
    },
  );
});

describe('a peer that goes without close_notify', () => {
  let to: number;
  let says: string;
  const raws = new Set<net.Socket>();
  beforeEach(async () => {
    raws.clear();
    const server = tls.createServer(identity(), (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        // The transport ends below TLS.
        const end = (): void => [...raws].forEach((raw) => void raw.end());
        if (says === '') end();
        else socket.write(says, end);
      });
    });
    server.on('connection', (raw: net.Socket) => raws.add(raw));
    open.push(
      Object.assign(server, {
        closeAllConnections: () => raws.forEach((raw) => void raw.destroy()),
      }) as never,
    );
    server.listen(0, 'localhost');
    await once(server, 'listening');
    to = (server.address() as AddressInfo).port;
  });

  async function outcome(): Promise<{ body: string; complete: boolean; request: string | undefined }> {
    const request = https.get({ host: 'localhost', port: to, ca: root.pem, agent: false });
    let failure: string | undefined;
    request.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code;
    });
    const closed = new Promise((resolve) => request.on('close', resolve));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // Who reads late reads all the same.
    await new Promise((resolve) => setImmediate(resolve));
    const body = await text(response).catch((error) => error.code);
    await closed;
    return { body, complete: response.complete, request: failure };
  }

  test('has cut nothing off where the response says its length', async () => {
    says = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nall';
    expect(await outcome()).toEqual({ body: 'all', complete: true, request: undefined });
  });

  test('leaves a response that ends with its connection incomplete, for whoever asks', async () => {
    says = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall?';
    expect(await outcome()).toMatchObject({ body: 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING', complete: false });
  });

  test('before any response has hung up, as programs that try again look for', async () => {
    says = '';
    expect(await answer({ port: to, agent: false })).toBe('ECONNRESET');
  });

  test('fails what a connection has become after an upgrade', async () => {
    says = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n';
    const headers = { connection: 'upgrade', upgrade: 'other' };
    const request = https.get({ host: 'localhost', port: to, ca: root.pem, agent: false, headers });
    const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, TLSSocket];
    const [error] = await once(socket.resume(), 'error');
    expect(error.code).toBe('ERR_SSL_UNEXPECTED_EOF_WHILE_READING');
  });
});
