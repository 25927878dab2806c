import { once } from 'node:events';
import nodeHttp2 from 'node:http2';
import nodeHttps from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import nodeTls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { closeServers, identity, listening, root } from '../support/node-faces.ts';
import { makeProgramDirectory, removeProgramDirectory, run, write } from '../support/registered.ts';

beforeAll(makeProgramDirectory);
afterAll(removeProgramDirectory);
afterEach(closeServers);

const importing = ['--import', 'tacit-tls/node/register'];
const requiring = ['--require', 'tacit-tls/node/register'];
const noOpenssl = ['--require', './no-openssl.cjs'];

/** A server of Node's https and OpenSSL, until `close`. */
async function plainHttps(): Promise<{ env: { PORT: string }; close: () => void }> {
  const server = nodeHttps.createServer(identity(), (request, response) =>
    response.end(`plain ${request.url}`),
  );
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { env: { PORT: String((server.address() as AddressInfo).port) }, close };
}

/** Serves, and asks itself and the server of PORT: by Node's https and by fetch. */
const servesAndAsks = `
  import https from 'node:https';
  import { readFileSync } from 'node:fs';
  import { text } from 'node:stream/consumers';
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(name));
  const server = https.createServer({ key, cert }, (request, response) => {
    const { encrypted, alpnProtocol, remoteFamily } = request.socket;
    response.end([request.url, encrypted, alpnProtocol, remoteFamily !== undefined].join(' '));
  });
  const get = (port, path) => new Promise((resolve, reject) => {
    https.get({ host: 'localhost', port, path }, (response) => resolve(text(response))).on('error', reject);
  });
  server.listen(0, 'localhost', async () => {
    const { port } = server.address();
    console.log(await get(port, '/a'));
    console.log(await get(process.env.PORT, '/b'));
    for (const [to, path] of [[port, '/c'], [process.env.PORT, '/d']]) {
      const response = await fetch(\`https://localhost:\${to}\${path}\`);
      console.log(response.status, await response.text());
    }
    process.exit();
  });
`;
const answers = '/a true false true\nplain /b\n200 /c true http/1.1 true\n200 plain /d\n';

/** Loads what uses `node:tls`, before it is replaced, as agents of monitoring do. */
const monitor = `
  const https = require('node:https');
  require('node:http2');
  fetch('data:,loaded');
  const { request } = https;
  https.request = (...given) => request(...given);
`;

describe('Node’s own https and fetch', () => {
  test.each([
    ['imported', importing],
    ['required', requiring],
    ['imported behind a monitor', ['--require', './monitor.cjs', ...importing]],
  ])('run on Tacit, without a word: %s', async (_name, flags) => {
    write('monitor.cjs', monitor);
    const { env, close } = await plainHttps();
    const outcome = await run(servesAndAsks, { flags: [...flags, ...noOpenssl], env });
    close();
    expect(outcome).toEqual({ code: 0, stdout: answers, stderr: '' });
  });

  test('would fail in that test, ran they on OpenSSL', async () => {
    const { code, stderr } = await run(servesAndAsks, { flags: noOpenssl });
    expect(code).toBe(1);
    expect(stderr).toContain('OpenSSL was asked for TLS');
  });

  test('serve clients of plain Node, with what ES5 code derives from their server', async () => {
    const program = `
      const https = require('node:https');
      const { inherits } = require('node:util');
      const { readFileSync } = require('node:fs');
      function Derived(options, listener) {
        https.Server.call(this, options, listener);
      }
      inherits(Derived, https.Server);
      const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(name));
      const server = new Derived({ key, cert }, (request, response) => {
        response.end(String(request.socket.server === server), () => server.close());
      });
      server.listen(0, 'localhost', () => console.log(server.address().port));
    `;
    let answer: Promise<string> | undefined;
    const outcome = await run(program, {
      flags: [...importing, ...noOpenssl],
      onOutput: (port) => {
        answer = new Promise((resolve, reject) => {
          const agent = new nodeHttps.Agent();
          nodeHttps
            .get({ host: 'localhost', port, ca: root.pem, agent }, (response) => resolve(text(response)))
            .on('error', reject);
        });
      },
    });
    expect(await answer).toBe('true');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  });
});

const hasProxies = Number(process.versions.node.split('.')[0]) >= 24;

test.skipIf(!hasProxies)('Node’s own agent goes through a proxy, to Tacit within', async () => {
  const program = `
    import http from 'node:http';
    import https from 'node:https';
    import net from 'node:net';
    import { text } from 'node:stream/consumers';
    const proxy = http.createServer().on('connect', (request, near) => {
      console.log('tunnel');
      const far = net.connect(process.env.PORT, 'localhost', () => {
        near.write('HTTP/1.1 200 OK\\r\\n\\r\\n');
        near.pipe(far).pipe(near);
      });
      for (const socket of [near, far]) socket.on('error', () => {});
    });
    proxy.listen(0, 'localhost', () => {
      const agent = new https.Agent({ proxyEnv: { HTTPS_PROXY: \`http://localhost:\${proxy.address().port}\` } });
      https.get({ host: 'localhost', port: process.env.PORT, path: '/a', agent }, async (response) => {
        console.log(await text(response));
        process.exit();
      });
    });
  `;
  const { env, close } = await plainHttps();
  const outcome = await run(program, { flags: [...importing, ...noOpenssl], env });
  close();
  expect(outcome).toEqual({ code: 0, stdout: 'tunnel\nplain /a\n', stderr: '' });
});

describe('Node’s own http2', () => {
  /** Serves, and asks itself and the server of PORT, over one session each; the other protocol too. */
  const program = `
    import http2 from 'node:http2';
    import https from 'node:https';
    import { readFileSync } from 'node:fs';
    import { text } from 'node:stream/consumers';
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(name));
    const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
      const { encrypted, alpnProtocol } = request.stream?.session ?? request.socket;
      const isKnown = request.socket.remotePort > 0;
      response.end(JSON.stringify([request.url, request.httpVersion, encrypted, alpnProtocol, isKnown]));
    });
    server.listen(0, 'localhost', async () => {
      for (const port of [server.address().port, process.env.PORT]) {
        const session = http2.connect(\`https://localhost:\${port}\`);
        session.on('connect', (_session, socket) => console.log(socket.authorized, socket.getProtocol()));
        for (const path of ['/a', '/b']) console.log(await text(session.request({ ':path': path }).end()));
        console.log(session.encrypted, session.alpnProtocol);
        const upload = session.request({ ':path': '/echo', ':method': 'POST' });
        upload.end('x'.repeat(3_000_000));
        const got = await text(upload);
        console.log(port === process.env.PORT ? got.length : got);
        session.close();
      }
      const { port } = server.address();
      https.get({ host: 'localhost', port, path: '/c' }, async (response) => {
        console.log(await text(response));
        process.exit();
      });
    });
  `;
  const mine = [
    'true TLSv1.3',
    '["/a","2.0",true,"h2",true]',
    '["/b","2.0",true,"h2",true]',
    'true h2',
    '["/echo","2.0",true,"h2",true]',
  ];
  const plain = ['true TLSv1.3', 'plain /a', 'plain /b', 'true h2', '3000000'];
  const stdout = `${[...mine, ...plain, '["/c","1.1",true,false,true]'].join('\n')}\n`;

  test.each([
    ['Tacit', [...importing, ...noOpenssl]],
    ['Tacit, behind a monitor', ['--require', './monitor.cjs', ...importing, ...noOpenssl]],
    ['OpenSSL', []],
  ])('does the same on %s', async (_name, flags) => {
    write('monitor.cjs', monitor);
    const server = nodeHttp2.createSecureServer(identity(), (request, response) => {
      if (request.url === '/echo') request.pipe(response as unknown as NodeJS.WritableStream);
      else response.end(`plain ${request.url}`);
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const env = { PORT: String((server.address() as AddressInfo).port) };
    const outcome = await run(program, { flags, env });
    server.close();
    expect(outcome).toEqual({ code: 0, stdout, stderr: '' });
  });
});

test('every way to node:tls leads to the same', async () => {
  const program = `
    import tls, * as names from 'node:tls';
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const { TLSSocket, connect, DEFAULT_MIN_VERSION } = names;
    process.noDeprecation = true;
    console.log(
      'updateKeys' in TLSSocket.prototype,
      TLSSocket.prototype.constructor === TLSSocket,
      tls.connect === connect && tls.TLSSocket === TLSSocket,
      require('tls') === tls && require('node:tls') === tls && process.getBuiltinModule('tls') === tls,
      require('_tls_wrap').connect === connect && require('_tls_common').SecureContext === tls.SecureContext,
      DEFAULT_MIN_VERSION,
      tls.rootCertificates.length > 100,
    );
  `;
  const outcome = await run(program, { flags: importing });
  expect(outcome).toEqual({ code: 0, stdout: 'true true true true true TLSv1.2 true\n', stderr: '' });
});

test('what there is not says so, in place of using OpenSSL', async () => {
  const program = `
    const tls = require('node:tls');
    const missing = Object.keys(tls).filter((name) => String(tls[name]).includes('does not have it'));
    for (const name of ['createSecurePair', 'setDefaultCACertificates']) {
      if (!missing.includes(name)) continue;
      try {
        tls[name]([]);
      } catch (error) {
        console.log(error.message.startsWith('tls.' + name + ': '));
      }
    }
    console.log(typeof tls.CLIENT_RENEG_LIMIT);
  `;
  const { code, stdout } = await run(program, { flags: importing });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^(true\n)*number\n$/);
});

test('a program sets the defaults, and the check of names', async () => {
  const { port } = await listening(nodeTls, { ...identity(), maxVersion: 'TLSv1.2' });
  const program = `
    const tls = require('node:tls');
    const { port } = process.env;
    const outcome = () => new Promise((resolve) => {
      const socket = tls.connect({ port: process.env.PORT, host: '127.0.0.1', servername: 'localhost' });
      socket.on('secureConnect', () => resolve(socket.getProtocol()));
      socket.on('error', (error) => resolve(error.code));
    });
    (async () => {
      console.log(tls.DEFAULT_MIN_VERSION, await outcome());
      tls.checkServerIdentity = () => Object.assign(new Error('no'), { code: 'NOT_ANY_NAME' });
      console.log(await outcome());
      tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
      console.log(tls.DEFAULT_MIN_VERSION, await outcome());
      process.exit();
    })();
  `;
  const outcome = await run(program, { flags: importing, env: { PORT: String(port) } });
  expect(outcome).toEqual({
    code: 0,
    stdout: 'TLSv1.2 TLSv1.2\nNOT_ANY_NAME\nTLSv1.3 ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\n',
    stderr: '',
  });
});

describe('a peer that goes without close_notify', () => {
  /** Says what it has to say, and closes its connection. */
  async function rude(says: string): Promise<{ PORT: string }> {
    const { server, port } = await listening(nodeTls, identity());
    const raws: Socket[] = [];
    server.on('connection', (raw) => raws.push(raw));
    server.on('secureConnection', (socket) => {
      const go = (): void => void socket.write(says, () => raws.shift()?.destroy());
      if (says.startsWith('HTTP')) socket.once('data', go);
      else go();
    });
    return { PORT: String(port) };
  }

  const reads = `
    const tls = require('node:tls');
    const socket = tls.connect({ port: process.env.PORT, host: '127.0.0.1', servername: 'localhost' });
    for (const name of ['data', 'end', 'error', 'close'])
      socket.on(name, (detail) => console.log(name, detail?.code ?? String(detail)));
  `;

  test('ends by default, as for node:tls', async () => {
    const outcome = await run(reads, { flags: importing, env: await rude('hello') });
    expect(outcome).toEqual({
      code: 0,
      stdout: 'data hello\nend undefined\nclose false\n',
      stderr: '',
    });
  });

  test('is an error where that is wanted', async () => {
    const env = { ...(await rude('hello')), TACIT_REGISTER_TRUNCATION: 'strict' };
    const outcome = await run(reads, { flags: importing, env });
    expect(outcome.stdout).toBe('data hello\nerror ERR_SSL_UNEXPECTED_EOF_WHILE_READING\nclose true\n');
  });

  test.each([
    ['tolerate', 'end undefined', 'close boolean'],
    ['strict', 'error ERR_SSL_UNEXPECTED_EOF_WHILE_READING', 'close boolean'],
  ])('within a record, too: %s', async (truncation, ...ending) => {
    const { port } = await listening(nodeTls, identity(), (socket) => socket.end(Buffer.alloc(100_000)));
    const relay = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1');
      far.on('error', () => {}).on('close', () => near.end());
      near.on('error', () => {}).on('data', (data) => far.write(data));
      // That is behind the handshake, and where no record ends.
      let room = 30_000;
      far.on('data', (data) => {
        near.write(data.subarray(0, room));
        room -= Math.min(room, data.length);
        if (room === 0) far.destroy();
      });
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const env = {
      PORT: String((relay.address() as AddressInfo).port),
      TACIT_REGISTER_TRUNCATION: truncation,
    };
    const outcome = await run(reads.replace('String(detail)', 'typeof detail'), { flags: importing, env });
    relay.close();
    expect(outcome.stdout.trim().split('\n').slice(-2)).toEqual(ending);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  });

  test.each([
    ['tolerate', 'all but the end'],
    ['strict', 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING'],
  ])('leaves a body that ends with the connection: %s', async (truncation, what) => {
    const program = `
      import https from 'node:https';
      import { text } from 'node:stream/consumers';
      const { PORT: port } = process.env;
      const told = (promise) => promise.then(console.log, (error) => console.log(error.code ?? error.cause.code));
      https.get({ host: 'localhost', port }, async (response) => {
        await told(text(response));
        await told(fetch(\`https://localhost:\${port}\`).then((response) => response.text()));
      }).on('error', () => {});
    `;
    const env = {
      ...(await rude('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall but the end')),
      TACIT_REGISTER_TRUNCATION: truncation,
    };
    const outcome = await run(program, { flags: importing, env });
    expect(outcome).toEqual({ code: 0, stdout: `${what}\n${what}\n`, stderr: '' });
  });

  test('takes nothing from a body that says its length', async () => {
    const program = `
      import https from 'node:https';
      import { text } from 'node:stream/consumers';
      const { PORT: port } = process.env;
      https.get({ host: 'localhost', port }, async (response) => console.log(await text(response)));
      console.log(await (await fetch(\`https://localhost:\${port}\`)).text());
    `;
    const env = {
      ...(await rude('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nall')),
      TACIT_REGISTER_TRUNCATION: 'strict',
    };
    const outcome = await run(program, { flags: importing, env });
    expect(outcome).toEqual({ code: 0, stdout: 'all\nall\n', stderr: '' });
  });
});

describe('a process', () => {
  const says = `console.log(require('node:tls').TLSSocket.prototype.updateKeys !== undefined);`;

  test('says that it is replaced only if it is asked to', async () => {
    const outcome = await run(says, { flags: importing, env: { TACIT_REGISTER_NOTICE: '1' } });
    expect(outcome).toMatchObject({ code: 0, stdout: 'true\n' });
    expect(outcome.stderr).toMatch(/^tacit-tls\/node\/register: [^\n]*\n$/);
  });

  test('does not begin with a setting that nobody knows', async () => {
    const outcome = await run(says, { flags: importing, env: { TACIT_REGISTER_TRUNCATION: 'lax' } });
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr:
        "tacit-tls/node/register: TACIT_REGISTER_TRUNCATION: expected 'strict' or 'tolerate', got 'lax'\n",
    });
  });

  test('does not begin where a module was loaded that cannot be moved', async () => {
    write('stranger.cjs', `Object.setPrototypeOf(require('node:https').Server.prototype, {});`);
    const outcome = await run(says, { flags: ['--require', './stranger.cjs', ...importing] });
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toMatch(/^tacit-tls\/node\/register: node:https was loaded before[^\n]*\n$/);
  });

  test.each([
    ['imported', importing, 'file true\neval false\n'],
    ['required', requiring, 'file true\neval true\n'],
  ])('hands it on to its workers, all but those of code where it was %s', async (_name, flags, stdout) => {
    const program = `
      const { Worker, isMainThread, workerData } = require('node:worker_threads');
      const says = \`console.log(require('node:worker_threads').workerData,
        require('node:tls').TLSSocket.prototype.updateKeys !== undefined)\`;
      if (!isMainThread) eval(says);
      else
        new Worker(__filename, { workerData: 'file' }).on('exit', () => new Worker(says, { eval: true, workerData: 'eval' }));
    `;
    expect(await run(program, { flags })).toEqual({ code: 0, stdout, stderr: '' });
  });

  test('hands it on to its children by NODE_OPTIONS', async () => {
    const program = `
      const { execFileSync } = require('node:child_process');
      process.stdout.write(execFileSync(process.execPath, ['-e', ${JSON.stringify(says)}]));
    `;
    const env = { NODE_OPTIONS: importing.join(' ') };
    expect(await run(program, { env })).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
  });
});
