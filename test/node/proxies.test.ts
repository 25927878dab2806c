import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import nodeHttps from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { inspect, promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import tls from '../../src/node.ts';
import https from '../../src/node-https.ts';
import { rootCertificate, serverCertificate, type TestCertificate } from '../support/certificates.ts';
import { identity, makeLocalhost, root } from '../support/node-faces.ts';
import { closeProxies, isLetGo, proxying, type TestProxy, type TestProxyOptions } from '../support/proxy.ts';

type Https = typeof nodeHttps;
type Agent = nodeHttps.Agent;
type Options = nodeHttps.RequestOptions & Record<string, unknown>;

const faces: Readonly<Record<'tacit' | 'node', Https>> = {
  tacit: https as unknown as Https,
  node: nodeHttps,
};

function agentOf(options: object, which: Https = faces.tacit): Agent {
  const agent = new which.Agent(options);
  agents.push(agent);
  return agent;
}

const agents: Agent[] = [];
const open: nodeHttps.Server[] = [];
let proxyRoot: TestCertificate;

beforeAll(async () => {
  await makeLocalhost();
  proxyRoot = await rootCertificate({ subject: 'CN=The authority of proxies' });
});
afterEach(async () => {
  for (const agent of [...agents.splice(0), https.globalAgent]) agent.destroy();
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await closeProxies();
});

async function serving(
  listener: RequestListener = (_request, response) => response.end('reached'),
): Promise<number> {
  const server = nodeHttps.createServer({ ...identity(), keepAliveTimeout: 0 }, listener);
  open.push(server);
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The body of the answer. @throws what the request fails with */
async function get(options: Options, which: Https = faces.tacit): Promise<string> {
  const request = which.get({ host: 'localhost', ca: root.pem, ...options } as nodeHttps.RequestOptions);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return text(response);
}

async function failureOf(
  options: Options,
): Promise<NodeJS.ErrnoException & { statusCode?: number; proxyTunnelTimeout?: number }> {
  return get(options).then(
    (body) => expect.unreachable(body),
    (error) => error,
  );
}

/** By what Node itself has, from 22.21 and 24.5 on. */
const hasProxies = Object.getOwnPropertySymbols(
  new nodeHttps.Agent({ proxyEnv: { https_proxy: 'http://localhost' } } as object),
).some(({ description }) => description === 'kProxyConfig');

describe.runIf(hasProxies)('an agent with a proxy', () => {
  test('asks it as Node’s does, and does TLS with the target within', async () => {
    const to = await serving((request, response) => {
      const { servername, remoteAddress } = request.socket as TLSSocket & { servername: string };
      response.end(JSON.stringify([servername, Boolean(remoteAddress), request.headers]));
    });
    const credentials = 'somebody:s%20cret%3A';
    const proxy = await proxying({ to, credentials });
    const bodies: string[] = [];
    for (const which of [faces.node, faces.tacit]) {
      for (const keepAlive of [true, false]) {
        const agent = agentOf({ keepAlive, proxyEnv: { HTTPS_PROXY: proxy.url } }, which);
        bodies.push(await get({ port: to, agent, headers: { connection: 'close' } }, which));
      }
    }
    const [first, second, ...ours] = proxy.asked;
    expect(first).toContain(`CONNECT localhost:${to} HTTP/1.1`);
    expect(first).toContain(`Basic ${Buffer.from('somebody:s cret:').toString('base64')}`);
    // Node's asks for as long a connection as it wants itself; a tunnel has no other end than its own.
    expect(second).toEqual(first?.filter((part) => !/^(proxy-connection|keep-alive)$/.test(part)));
    expect(ours).toEqual([first, second]);
    expect(new Set(bodies).size).toBe(1);
    // The target is told nothing of it.
    expect(bodies[0]).not.toContain('proxy');
  });

  test('verifies the target by the name of the target', async () => {
    const to = await serving();
    const proxy = await proxying({ to });
    const agent = agentOf({ proxyEnv: { https_proxy: proxy.url } });
    const error = await failureOf({ host: 'other.example', port: 443, agent });
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'other.example' });
    expect(proxy.asked.map(([line]) => line)).toEqual(['CONNECT other.example:443 HTTP/1.1']);
    expect(await failureOf({ host: '::1', agent })).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(proxy.asked[1]?.[0]).toBe('CONNECT [::1]:443 HTTP/1.1');
    expect((await failureOf({ port: to, agent, ca: proxyRoot.pem })).code).toMatch(/^(UNABLE|SELF)/);
  });

  test('keeps its connections, and resumes the sessions of others', async () => {
    const to = await serving((request, response) => {
      const socket = request.socket as TLSSocket;
      response.end(`${socket.remotePort} ${socket.isSessionReused()}`);
    });
    const proxy = await proxying({ to });
    const agent = agentOf({ keepAlive: true, maxSockets: 1, proxyEnv: { https_proxy: proxy.url } });
    const answers = await Promise.all(Array.from({ length: 5 }, () => get({ port: to, agent })));
    expect(new Set(answers).size).toBe(1);
    expect(proxy.asked).toHaveLength(1);
    await get({ port: to, agent, headers: { connection: 'close' } });
    expect(await get({ port: to, agent })).toMatch(/ true$/);
    expect(proxy.asked).toHaveLength(2);
  });

  test('goes past it where NO_PROXY says so, and to Unix sockets', async () => {
    const to = await serving();
    const proxy = await proxying({ to });
    const agent = agentOf({
      proxyEnv: { https_proxy: proxy.url, no_proxy: `other.example, localhost:${to}` },
    });
    expect(await get({ port: to, agent })).toBe('reached');
    const elsewhere = { socketPath: '/nowhere', host: 'elsewhere.example', agent };
    expect((await failureOf(elsewhere)).code).toBe('ENOENT');
    expect(proxy.asked).toEqual([]);
    await failureOf({ host: 'elsewhere.example', agent });
    expect(proxy.asked).toHaveLength(1);
  });

  test('fails where there is no proxy', async () => {
    const proxy = await proxying({});
    await closeProxies();
    const agent = agentOf({ proxyEnv: { https_proxy: proxy.url } });
    expect(await failureOf({ port: 443, agent })).toMatchObject({ code: 'ECONNREFUSED', port: proxy.port });
  });

  test('asks for nothing that is no name', async () => {
    const proxy = await proxying({});
    const agent = agentOf({ maxSockets: 1, proxyEnv: { https_proxy: proxy.url } });
    const host = 'target.example:443 HTTP/1.1\r\nproxy-authorization: other\r\n';
    const socket = agent.createConnection({ host, port: 443 } as never, () => {}) as Socket;
    expect((await once(socket, 'error').catch((error) => [error]))[0]).toMatchObject({
      code: 'ERR_UNESCAPED_CHARACTERS',
    });
    expect(proxy.asked).toEqual([]);
  });

  test('gives the proxy up with the request', async () => {
    let reach = (_near: Socket): void => {};
    const reached = new Promise<Socket>((resolve) => {
      reach = resolve;
    });
    const proxy = await proxying({ answer: (near) => reach(near) });
    const agent = agentOf({ proxyEnv: { https_proxy: proxy.url } });
    const request = https.get({ host: 'localhost', port: 443, agent: agent as never });
    const failed = once(request, 'error');
    const near = await reached;
    request.destroy();
    await isLetGo(near);
    expect((await failed.catch((error) => [error]))[0].code).toBe('ECONNRESET');
  });

  test('counts nothing that all objects inherit', async () => {
    const to = await serving();
    const proxy = await proxying({ to });
    const agent = agentOf({ proxyEnv: { https_proxy: proxy.url } });
    const polluted = Object.prototype as { rejectUnauthorized?: boolean };
    polluted.rejectUnauthorized = false;
    try {
      expect((await failureOf({ port: to, agent, ca: undefined })).code).toMatch(/^UNABLE/);
    } finally {
      delete polluted.rejectUnauthorized;
    }
  });
});

describe.runIf(hasProxies)('a proxy that gives no tunnel', () => {
  async function failure(
    answer: TestProxyOptions['answer'],
    options: object = {},
  ): Promise<Awaited<ReturnType<typeof failureOf>>> {
    const proxy = await proxying({ credentials: 'somebody:secret', answer });
    const proxyEnv = { https_proxy: `${proxy.url}/?token=secret` };
    const agent = agentOf({ ...options, proxyEnv });
    const error = await failureOf({ host: 'target.example', port: 8443, agent });
    expect(error.code).toBe('ERR_PROXY_TUNNEL');
    expect(error.message).toContain(`target.example:8443 by http://localhost:${proxy.port}`);
    for (const secret of ['secret', Buffer.from('somebody:secret').toString('base64'), 'from the proxy'])
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret);
    // Nothing is left of it.
    await isLetGo(proxy.clients[0]!);
    return error;
  }

  test.each([407, 502, 204, 101])('by %i', async (status) => {
    const error = await failure((near) => near.write(`HTTP/1.1 ${status} from the proxy\r\n\r\n`));
    expect(error).toMatchObject({ statusCode: status });
  });

  test('by its end', async () => {
    expect((await failure((near) => near.end('HTTP/1.1 200 from'))).message).toMatch(/ended/);
  });

  test('by what is no HTTP', async () => {
    expect((await failure((near) => near.write('from the proxy\r\n\r\n'))).message).toMatch(/no HTTP/);
  });

  test('by an answer without an end', async () => {
    const error = await failure((near) => {
      near.write('HTTP/1.1 200 OK\r\na: from the proxy ');
      const more = (): void => {
        while (!near.destroyed && near.write('x'.repeat(10_000)));
      };
      near.on('drain', more);
      more();
    });
    expect(error.message).toMatch(/too long/);
  });

  test('by an answer longer than the program wants', async () => {
    const answer: TestProxyOptions['answer'] = (near) =>
      near.write(`HTTP/1.1 200 OK\r\na: ${'x'.repeat(500)}\r\n`);
    expect((await failure(answer, { maxHeaderSize: 400 })).message).toMatch(/too long/);
  });

  test('by silence, and by a little at a time', async () => {
    const error = await failure(() => {}, { timeout: 100 });
    expect(error).toMatchObject({ proxyTunnelTimeout: 100 });
    const trickle: TestProxyOptions['answer'] = (near) => {
      near.write('HTTP/1.1 200 OK\r\na: ');
      const timer = setInterval(() => near.write('x'), 10);
      near.on('close', () => clearInterval(timer));
    };
    expect(await failure(trickle, { timeout: 100 })).toMatchObject({ proxyTunnelTimeout: 100 });
  });

  test('by silence, where nobody has said for how long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const error = failure(() => vi.advanceTimersByTime(30_000));
      expect(await error).toMatchObject({ proxyTunnelTimeout: 30_000 });
    } finally {
      vi.useRealTimers();
    }
  });

  test('by bytes behind its answer, which are not the target’s', async () => {
    const error = await failure((near) => near.write('HTTP/1.1 200 OK\r\n\r\nfrom the proxy'));
    expect(error.message).toMatch(/bytes came behind the answer/);
  });
});

describe.runIf(hasProxies)('a proxy of https', () => {
  async function asking(
    names: readonly string[],
    options: Options = {},
  ): Promise<{ proxy: TestProxy; to: number; ask: () => Promise<string> }> {
    const { pem: cert, keyPem: key } = await serverCertificate(proxyRoot, { names: [...names] });
    const to = await serving();
    const proxy = await proxying({ to, identity: { key, cert }, credentials: 'somebody:secret' });
    const agent = agentOf({ proxyEnv: { https_proxy: proxy.url } });
    return { proxy, to, ask: () => get({ port: to, agent, ...options }) };
  }

  async function trusting<T>(certificates: readonly string[], action: () => Promise<T>): Promise<T> {
    const before = tls.getCACertificates('default');
    tls.setDefaultCACertificates(certificates);
    try {
      return await action();
    } finally {
      tls.setDefaultCACertificates(before);
    }
  }

  test('is verified by what all connections trust, and the target by what the request says', async () => {
    const { proxy, ask } = await asking(['localhost']);
    expect(await trusting([proxyRoot.pem], ask)).toBe('reached');
    expect(proxy.names).toEqual(['localhost']);
  });

  test('is told nothing where it is not trusted, whatever is said of the target', async () => {
    for (const options of [{ ca: proxyRoot.pem }, { rejectUnauthorized: false }]) {
      const { proxy, ask } = await asking(['localhost'], options);
      await expect(ask()).rejects.toMatchObject({ code: expect.stringMatching(/^(UNABLE|SELF)/) });
      expect(proxy.asked).toEqual([]);
    }
  });

  test('is told nothing where it has another name', async () => {
    const { proxy, ask } = await asking(['other.example'], { checkServerIdentity: () => undefined });
    await expect(trusting([proxyRoot.pem], ask)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(proxy.asked).toEqual([]);
  });
});

describe.runIf(hasProxies)('the global agent', () => {
  const nodes = nodeHttps.globalAgent;
  afterEach(() => {
    nodeHttps.globalAgent = nodes;
  });

  test('uses the proxy that Node’s own has at the time, and keeps its connections apart by it', async () => {
    const to = await serving();
    const [first, second] = [await proxying({ to }), await proxying({ to })];
    const asked = (): number[] => [first, second].map((proxy) => proxy.asked.length);
    for (const [proxy, expected] of [
      [first, [1, 0]],
      [first, [2, 0]],
      [second, [2, 1]],
      [undefined, [2, 1]],
    ] as const) {
      // As `http.setGlobalProxyFromEnv()` does, and its undoing.
      nodeHttps.globalAgent = proxy ? agentOf({ proxyEnv: { https_proxy: proxy.url } }, faces.node) : nodes;
      expect(await get({ port: to })).toBe('reached');
      expect(asked()).toEqual(expected);
    }
  });

  test('puts a connection back where it has come from', async () => {
    const asked: (() => void)[] = [];
    const to = await serving((request, response) => {
      if (request.url === '/late') asked.push(() => response.end('late'));
      else response.end('reached');
    });
    const proxy = await proxying({ to });
    nodeHttps.globalAgent = agentOf({ proxyEnv: { https_proxy: proxy.url } }, faces.node);
    const late = get({ port: to, path: '/late' });
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    nodeHttps.globalAgent = nodes;
    const freed = once(https.globalAgent, 'free');
    asked[0]!();
    expect(await late).toBe('late');
    await freed;
    const pools = https.globalAgent.freeSockets;
    expect(Object.keys(pools)).toHaveLength(1);
    // That one is the proxy's, and of no use now.
    expect(await get({ port: to })).toBe('reached');
    await vi.waitFor(() => expect(Object.keys(pools)).toHaveLength(2));
  });

  test.runIf('setGlobalProxyFromEnv' in http)('sees http.setGlobalProxyFromEnv', async () => {
    const to = await serving();
    const proxy = await proxying({ to });
    const { setGlobalProxyFromEnv } = http as unknown as {
      setGlobalProxyFromEnv(environment: object): () => void;
    };
    const restore = setGlobalProxyFromEnv({ https_proxy: proxy.url });
    expect(await get({ port: to })).toBe('reached');
    restore();
    expect(await get({ port: to })).toBe('reached');
    expect(proxy.asked).toHaveLength(1);
  });

  test.each([
    ['a variable', { NODE_USE_ENV_PROXY: '1' }, []],
    ['a flag', {}, ['--use-env-proxy']],
  ])(
    'goes by the environment where %s says so, and other agents do not, as in Node',
    async (_what, env, flags) => {
      const to = await serving((request, response) => response.end(request.url));
      const proxy = await proxying({ to });
      const program = `
      const { default: https } = await import(process.env.FACE);
      for (const [path, agent] of [['/global '], ['/own ', new https.Agent()], ['/none ', false]])
        await new Promise((resolve) => {
          https.get({ host: 'localhost', port: process.env.PORT, ca: process.env.CA, path: path.trim(), agent }, (response) =>
            response.on('data', (body) => process.stdout.write(body + ' ')).on('end', resolve));
        });
      https.globalAgent.destroy();`;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [...flags, '--input-type=module', '-e', program],
        {
          env: {
            ...env,
            FACE: new URL('../../src/node-https.ts', import.meta.url).href,
            CA: root.pem,
            PORT: String(to),
            HTTPS_PROXY: proxy.url,
          },
        },
      );
      expect(stdout).toBe('/global /own /none ');
      expect(proxy.asked).toHaveLength(1);
    },
  );

  test('refuses a proxy of another kind, which Node goes past', async () => {
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    vi.stubEnv('https_proxy', 'socks5://somebody:secret@localhost:1');
    try {
      const message = refusal(() => https.get({ host: 'localhost', port: 1 }));
      expect(message).toMatch(/^https_proxy: /);
      expect(message).not.toContain('secret');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return inspect(error).replace(/^\w*Error( \[\w+\])?: /, '');
  }
  return 'none';
}

describe('an agent refuses a proxy', () => {
  test.runIf(hasProxies)('of which it can make nothing, without its credentials', () => {
    for (const url of ['socks5://a:secret@localhost', 'http://a:secret@[', 'http://a:secret@b\r\nc']) {
      const message = refusal(() => agentOf({ proxyEnv: { HTTPS_PROXY: url } }));
      expect(message).toMatch(/^HTTPS_PROXY: /);
      expect(message).not.toContain('secret');
    }
    expect(refusal(() => agentOf({ proxyEnv: { HTTPS_PROXY: 'http://[' } }))).toContain(
      'ERR_PROXY_INVALID_CONFIG',
    );
  });

  test.skipIf(hasProxies)('where Node knows none, to go past none without a word', () => {
    const proxyEnv = { HTTPS_PROXY: 'http://127.0.0.1:1' };
    expect(refusal(() => agentOf({ proxyEnv }))).toMatch(/^HTTPS_PROXY: /);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    vi.stubEnv('https_proxy', 'http://127.0.0.1:1');
    try {
      const agent = agentOf({});
      expect(refusal(() => https.get({ host: 'localhost', port: 1, agent: agent as never }))).toMatch(
        /^https_proxy: /,
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('and none where there is none', () => {
    for (const proxyEnv of [{}, { HTTP_PROXY: 'http://localhost' }, null])
      expect(refusal(() => agentOf({ proxyEnv }))).toBe('none');
  });
});
