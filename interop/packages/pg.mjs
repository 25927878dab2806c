// pg: TLS begins behind PostgreSQL's SSLRequest.
import pg from 'pg';
import { ca, otherCa, payload, port, say } from './common.mjs';

const options = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' };
const client = new pg.Client({ ...options, ssl: { ca } });
const errors = [];
client.on('error', ({ code }) => errors.push(code));
await client.connect();
const { rows } = await client.query(
  'select version, ssl, $1::bytea as bytes from pg_stat_ssl where pid = pg_backend_pid()',
  [payload],
);
const [{ version, ssl, bytes }] = rows;
const notified = new Promise((resolve) => client.once('notification', ({ payload }) => resolve(payload)));
await client.query('listen changes');
const pool = new pg.Pool({ ...options, ssl: { ca }, max: 5 });
const sums = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => pool.query('select $1::int + 1 as sum', [n])));
await pool.query(`select pg_notify('changes', 'something')`);
const notification = await notified;
await Promise.all([client.end(), pool.end()]);
const refused = await new pg.Client({ ...options, ssl: { ca: otherCa } }).connect().catch(({ code }) => code);
say({
  version,
  ssl,
  isSame: payload.equals(bytes),
  sums: sums.map(({ rows: [{ sum }] }) => sum),
  notification,
  refused,
  errors,
});
