// Node's own fetch.
import { hashOf, payload, port, say } from './common.mjs';

const url = (path) => `https://localhost:${port}${path}`;
const about = await (await fetch(url('/about'))).json();
const uploaded = await (await fetch(url('/hash'), { method: 'POST', body: payload })).text();
const download = await fetch(url('/payload'));
const isWhole = hashOf(Buffer.from(await download.arrayBuffer())) === download.headers.get('x-hash');
const rest = await (await fetch(url('/until-the-end'))).text();
const byAddress = await (await fetch(`https://127.0.0.1:${port}/about`)).json();
const refused = await fetch(`https://127.0.0.2:${port}/`).catch((error) => error.cause.code);
say({ about, byAddress, isSame: uploaded === hashOf(payload), isWhole, rest, refused });
process.exit();
