// Express and ws behind Node's https.
import https from 'node:https';
import express from 'express';
import { WebSocketServer } from 'ws';
import { hashOf, identity, payload, say, sayPort } from './common.mjs';

const app = express();
app.get('/about', (request, response) => {
  const { secure, protocol, hostname, ip, socket } = request;
  response.json({
    secure,
    protocol,
    hostname,
    isLocal: /127\.0\.0\.1|::1/.test(ip),
    version: socket.getProtocol(),
    isAuthorized: socket.authorized,
  });
});
app.post('/hash', express.raw({ type: () => true, limit: '10mb' }), (request, response) => {
  response.send(hashOf(request.body));
});
app.get('/payload', (_request, response) => {
  response.set('x-hash', hashOf(payload)).type('bin').send(payload);
});
// Neither a length nor chunks.
app.get('/until-the-end', (_request, response) => {
  response.useChunkedEncodingByDefault = false;
  response.set('connection', 'close').end('all of it');
});
const server = https.createServer(identity(), app);
const sockets = new WebSocketServer({ server, path: '/socket' });
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', (code, reason) => say({ code, reason: String(reason) }));
  socket.on('message', (data) => String(data) === 'close, please' && socket.close(4001, 'as asked'));
});
sayPort(server);
