// Packages that do TLS by node:tls, where tacit-tls/node/register has replaced it on one side or on both.

import { describe, expect, test } from 'vitest';
import { pairs, reportOf, startServer } from './support/packages.ts';

describe.each(pairs)('a client on %s and a server on %s', (clientStack, serverStack) => {
  const about = {
    secure: true,
    protocol: 'https',
    hostname: 'localhost',
    isLocal: true,
    version: 'TLSv1.3',
    isAuthorized: false,
  };
  const web = {
    about,
    isSame: true,
    isWhole: true,
    rest: 'all of it',
    refused: 'ERR_TLS_CERT_ALTNAME_INVALID',
  };

  test('fetch asks Express', async () => {
    const { port } = await startServer('web-server', serverStack);
    expect(await reportOf('fetch', clientStack, port)).toEqual({
      ...web,
      byAddress: { ...about, hostname: '127.0.0.1' },
    });
  });

  test('undici asks Express', async () => {
    const { port } = await startServer('web-server', serverStack);
    expect(await reportOf('undici', clientStack, port)).toEqual(web);
  });

  test.each(['koa-server', 'fastify-server'])('http2 and https ask %s', async (program) => {
    const { port } = await startServer(program, serverStack);
    const seen = {
      secure: true,
      protocol: 'https',
      hostname: 'localhost',
      isLocal: true,
      encrypted: true,
      version: 'TLSv1.3',
    };
    expect(await reportOf('http2', clientStack, port)).toEqual({
      about: { ...seen, httpVersion: '2.0', alpnProtocol: 'h2' },
      byHttp1: { ...seen, httpVersion: '1.1', alpnProtocol: expect.toBeOneOf(['http/1.1', false]) },
      isSame: true,
      isWhole: true,
      refused: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  test('ws talks to ws, and both close cleanly', async () => {
    const { server, port } = await startServer('web-server', serverStack);
    expect(await reportOf('ws', clientStack, port)).toEqual({
      text: 'text',
      isSame: true,
      closed: [4000, 'done'],
      closedByServer: [4001, 'as asked'],
    });
    await server.match(/\{"code":4000,"reason":"done"\}\n\{"code":4001,"reason":"as asked"\}/);
  });

  test('nodemailer sends a letter to smtp-server, by STARTTLS', async () => {
    const { server, port } = await startServer('mail-server', serverStack);
    expect(await reportOf('nodemailer', clientStack, port)).toEqual({
      sent: { accepted: ['b@example.org'], response: '250 taken' },
      refused: { code: 'ESOCKET', originalCode: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    await server.match(/\{"secure":true,"version":"TLSv1.3","hash":"[0-9a-f]{64}"\}/);
  });

  test('mqtt publishes and subscribes at aedes', async () => {
    const { port } = await startServer('broker', serverStack);
    expect(await reportOf('mqtt', clientStack, port)).toEqual({
      granted: [2],
      received: [
        ['topic/0', 'of 0'],
        ['topic/1', 'payload'],
        ['topic/2', 'of 2'],
      ],
      refused: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});
