// HTTP over the faces of node:https and node:http2, by those whom it is for.

import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import http2 from '../src/node-http2.ts';
import https from '../src/node-https.ts';
import { serverName } from './support/certificates.ts';
import { missing, programOf } from './support/peers.ts';
import { start } from './support/process.ts';
import { certificates, scratchFile } from './support/run.ts';

const resources = 100;
const uploadLength = 20_000_000;

const files = certificates.server();
const identity = { key: readFileSync(files.key), cert: readFileSync(files.cert) };

const opened: Server[] = [];
afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

interface Site {
  readonly port: number;
  /** How many connections there were. */
  readonly connections: () => number;
  readonly errors: unknown[];
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** A page, what it asks for, and what it sends. */
async function answer(request: Request, response: Response): Promise<void> {
  const body = response as ServerResponse;
  if (request.method === 'POST') {
    const hash = createHash('sha256');
    for await (const data of request) hash.update(data);
    body.end(hash.digest('hex'));
  } else if (request.url?.startsWith('/resource/') === true) {
    body.setHeader('content-type', 'text/plain');
    body.end(resource(request.url));
  } else {
    body.setHeader('content-type', 'text/html');
    body.end('<!doctype html><link rel="icon" href="data:,"><title>Tacit</title>');
  }
}

function resource(path: string): string {
  return `${path} `.repeat(2_000);
}

async function site(protocol: 'h2' | 'http/1.1'): Promise<Site> {
  const server: Server =
    protocol === 'h2'
      ? http2.createSecureServer({ ...identity, allowHTTP1: true }, answer)
      : (https.createServer(identity, answer) as unknown as Server);
  opened.push(server);
  let connections = 0;
  const errors: unknown[] = [];
  server.on('secureConnection', () => {
    connections += 1;
  });
  for (const name of ['tlsClientError', 'clientError']) server.on(name, (error) => errors.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, connections: () => connections, errors };
}

const reasonOf = (peer: string): string => {
  const reason = missing(peer);
  return reason === undefined ? '' : ` (${reason})`;
};

describe.skipIf(missing('chromium') !== undefined)(`Chromium${reasonOf('chromium')}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    // It trusts no root but the system's: this run's certificate is named to it by its key.
    const key = new X509Certificate(identity.cert).publicKey.export({ type: 'spki', format: 'der' });
    const pin = createHash('sha256').update(key).digest('base64');
    browser = await chromium.launch({
      executablePath: programOf('chromium'),
      // Root has no sandbox.
      chromiumSandbox: process.getuid?.() !== 0,
      args: [`--ignore-certificate-errors-spki-list=${pin}`],
    });
  });
  afterAll(() => browser?.close());

  test.each(['h2', 'http/1.1'] as const)('loads 100 resources and uploads 20 MB by %s', async (protocol) => {
    const { port, connections, errors } = await site(protocol);
    const context = await browser.newContext();
    const page = await context.newPage();
    const response = await page.goto(`https://localhost:${port}/`);
    expect(await response?.securityDetails()).toMatchObject({ protocol: 'TLS 1.3' });

    const paths = Array.from({ length: resources }, (_, i) => `/resource/${i}`);
    const loaded = await page.evaluate(async (wanted) => {
      const bodies = await Promise.all(wanted.map(async (path) => (await fetch(path)).text()));
      const entries = performance.getEntriesByType('resource') as unknown as { nextHopProtocol: string }[];
      return { bodies, protocols: [...new Set(entries.map((entry) => entry.nextHopProtocol))] };
    }, paths);
    expect(loaded.bodies.every((body, i) => body === resource(paths[i]!))).toBe(true);
    expect(loaded.protocols).toEqual([protocol]);
    if (protocol === 'h2') expect(connections()).toBe(1);

    const answered = await page.evaluate(async (length) => {
      const bytes = new Uint8Array(length).map((_, i) => i * 31 + (i >> 8));
      return (await fetch('/', { method: 'POST', body: bytes })).text();
    }, uploadLength);
    const sent = new Uint8Array(uploadLength).map((_, i) => i * 31 + (i >> 8));
    expect(answered).toBe(createHash('sha256').update(sent).digest('hex'));
    await context.close();
    expect(errors).toEqual([]);
  });
});

describe.skipIf(missing('curl') !== undefined)(`curl${reasonOf('curl')}`, () => {
  const run = async (port: number, args: readonly string[]): Promise<string> => {
    const origin = ['--cacert', certificates.roots, '--resolve', `${serverName}:${port}:127.0.0.1`];
    const peer = start('curl', [
      '--silent',
      '--show-error',
      '--fail',
      '--max-time',
      '50',
      ...origin,
      ...args,
    ]);
    expect(await peer.exited, peer.stderr).toMatchObject({ code: 0 });
    return String(peer.stdout);
  };

  test.each([
    ['h2', '2', '--http2'],
    ['h2', '1.1', '--http1.1'],
    ['http/1.1', '1.1', '--http2'],
  ] as const)(
    'at a server of %s loads 100 resources and uploads 20 MB by HTTP/%s',
    async (protocol, version, how) => {
      const { port } = await site(protocol);
      const url = `https://${serverName}:${port}`;
      const out = scratchFile('resources');
      const bodies = await run(port, [
        ...[
          how,
          '--parallel',
          '--parallel-max',
          '20',
          '--output',
          `${out}-#1`,
          '--write-out',
          '%{http_version}\n',
        ],
        `${url}/resource/[0-${resources - 1}]`,
      ]);
      expect(bodies.trim().split('\n')).toEqual(Array.from({ length: resources }, () => version));
      for (let i = 0; i < resources; i++)
        expect(readFileSync(`${out}-${i}`, 'utf8')).toBe(resource(`/resource/${i}`));

      const upload = scratchFile('upload');
      const bytes = randomBytes(uploadLength);
      writeFileSync(upload, bytes);
      const answered = await run(port, [
        how,
        '--header',
        'Expect:',
        '--data-binary',
        `@${upload}`,
        `${url}/`,
      ]);
      expect(answered).toBe(createHash('sha256').update(bytes).digest('hex'));
    },
  );
});
