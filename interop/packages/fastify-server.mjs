// Fastify with a server of its own: HTTP/2, and HTTP/1.1 too.
import Fastify from 'fastify';
import { aboutSocket, hashOf, identity, payload, say } from './common.mjs';

const app = Fastify({ http2: true, https: { ...identity(), allowHTTP1: true }, bodyLimit: 10_000_000 });
app.get('/about', async ({ raw, protocol, hostname, ip }) => ({
  secure: protocol === 'https',
  protocol,
  hostname,
  ...aboutSocket(raw, ip),
}));
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/hash', async ({ body }) => hashOf(body));
app.get('/payload', async (_request, reply) => {
  reply.header('x-hash', hashOf(payload));
  return payload;
});
await app.listen({ port: 0, host: '0.0.0.0' });
say({ port: app.server.address().port });
