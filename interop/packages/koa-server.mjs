// Koa behind Node's http2, for HTTP/1.1 too.
import http2 from 'node:http2';
import { buffer } from 'node:stream/consumers';
import Koa from 'koa';
import { aboutSocket, hashOf, identity, payload, sayPort } from './common.mjs';

const app = new Koa();
app.use(async (context) => {
  const { path, secure, protocol, hostname, ip, req } = context;
  if (path === '/about') context.body = { secure, protocol, hostname, ...aboutSocket(req, ip) };
  if (path === '/hash') context.body = hashOf(await buffer(req));
  if (path !== '/payload') return;
  context.set('x-hash', hashOf(payload));
  context.body = payload;
});
sayPort(http2.createSecureServer({ ...identity(), allowHTTP1: true }, app.callback()));
