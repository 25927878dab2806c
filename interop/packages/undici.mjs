// undici as a package: a pool of connections, streams both ways, an upgrade's place left to ws.
import { Readable } from 'node:stream';
import { Agent, Pool, request } from 'undici';
import { ca, hashOf, payload, port, say } from './common.mjs';

const origin = `https://localhost:${port}`;
const pool = new Pool(origin, { connect: { ca }, connections: 3, pipelining: 2 });
const about = await (await pool.request({ path: '/about', method: 'GET' })).body.json();
const uploads = await Promise.all(
  Array.from({ length: 6 }, async () => {
    const { body } = await pool.request({ path: '/hash', method: 'POST', body: Readable.from([payload]) });
    return body.text();
  }),
);
const { headers, body } = await pool.request({ path: '/payload', method: 'GET' });
const isWhole = hashOf(Buffer.from(await body.arrayBuffer())) === headers['x-hash'];
const rest = await (await pool.request({ path: '/until-the-end', method: 'GET' })).body.text();
await pool.close();
const stranger = new Agent({ connect: { ca, servername: 'other.example' } });
const refused = await request(origin, { dispatcher: stranger }).catch(({ code }) => code);
await stranger.close();
say({ about, isSame: uploads.every((hash) => hash === hashOf(payload)), isWhole, rest, refused });
