// ws: messages of both kinds, and how each side closes.
import { once } from 'node:events';
import WebSocket from 'ws';
import { ca, payload, port, say } from './common.mjs';

async function open() {
  const socket = new WebSocket(`wss://localhost:${port}/socket`, { ca });
  await once(socket, 'open');
  return socket;
}

const socket = await open();
socket.send('text');
const [text] = await once(socket, 'message');
socket.send(payload);
const [binary] = await once(socket, 'message');
socket.close(4000, 'done');
const [code, reason] = await once(socket, 'close');
const other = await open();
other.send('close, please');
const [theirCode, theirReason] = await once(other, 'close');
say({
  text: String(text),
  isSame: payload.equals(binary),
  closed: [code, String(reason)],
  closedByServer: [theirCode, String(theirReason)],
});
