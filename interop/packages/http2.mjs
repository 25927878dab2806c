// Node's own http2: a session with several requests at once; and its https, at the same server.
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { buffer, json } from 'node:stream/consumers';
import { ca, hashOf, payload, port, say } from './common.mjs';

const session = http2.connect(`https://localhost:${port}`, { ca });
const ask = async (path, body) => {
  const headers = {
    ':path': path,
    ...(body && { ':method': 'POST', 'content-type': 'application/octet-stream' }),
  };
  const request = session.request(headers);
  request.end(body);
  const [answered] = await once(request, 'response');
  return { answered, body: await buffer(request) };
};
const about = JSON.parse((await ask('/about')).body);
// Node lets a session hold 10 MB.
const uploads = await Promise.all(Array.from({ length: 2 }, async () => (await ask('/hash', payload)).body));
const { answered, body } = await ask('/payload');
const closed = once(session, 'close');
session.close();
await closed;
const [response] = await once(
  https.get({ host: 'localhost', port, ca, path: '/about', agent: false }),
  'response',
);
const byHttp1 = await json(response);
const stranger = http2.connect(`https://127.0.0.2:${port}`, { ca });
const [refused] = await once(stranger, 'error').catch((error) => [error]);
say({
  about,
  byHttp1,
  isSame: uploads.every((hash) => String(hash) === hashOf(payload)),
  isWhole: hashOf(body) === answered['x-hash'],
  refused: refused.code,
});
