// mysql2: TLS begins behind the server's greeting, and the server ends it without a word.
import { once } from 'node:events';
import mysql from 'mysql2/promise';
import { ca, otherCa, payload, port, say } from './common.mjs';

const options = { host: 'localhost', port, user: 'app', password: 'secret', ssl: { ca } };
const connection = await mysql.createConnection(options);
const errors = [];
connection.connection.on('error', ({ code }) => errors.push(code));
const { stream } = connection.connection;
const [[{ Value: version }]] = await connection.query(`show session status like 'Ssl_version'`);
const [[{ bytes }]] = await connection.query('select ? as bytes', [payload]);
const [[{ sum }]] = await connection.execute('select ? + 1 as sum', [41]);
const closed = once(stream, 'close').catch(() => {});
await connection.end();
await closed;
const refused = await mysql.createConnection({ ...options, ssl: { ca: otherCa } }).catch(({ code }) => code);
say({ version, isSame: payload.equals(bytes), sum: Number(sum), refused, errors });
process.exit();
