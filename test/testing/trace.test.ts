import { expect, test } from 'vitest';
import { tcpModelPair } from '../../src/testing.ts';

test('the trace of a lost upload is a picture: lifelines, arrows with their bytes, the reset marked', async () => {
  const { 0: client, 1: server, clock, trace } = tcpModelPair({ receiveBuffer: 14_480, latency: 10 });
  await server.write(new Uint8Array(500));
  await client.write(new Uint8Array(20_000));
  await clock.settled();
  client.kernelClose();
  await server.read();
  await clock.settled();
  await server.read().catch(() => {});
  expect(`\n${trace}\n`).toBe(`
time              client │                                      │ server
   0                     │                                      │ write 500
   0                     │◀──────────── 500 bytes ──────────────│ at 10
   0         write 20000 │                                      │
   0                     │──────────── 14480 bytes ────────────▶│ at 10
  10  close, unread: 500 │                                      │
  10  unsent, lost: 5520 │                                      │
  10                     │✕╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ RST ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶│ at 20
  10                     │                                      │ read 14480
  20                     │                                      │ ECONNRESET
`);
});

test('what happens several times on end is one line', async () => {
  const { 0: client, 1: server, clock, trace } = tcpModelPair({ latency: 0, names: ['here', 'there'] });
  for (let i = 0; i < 5; i++) client.socket.write(new Uint8Array(10));
  await clock.settled();
  for (let i = 0; i < 50; i++) server.socket.read(1);
  await Promise.all([client.closeWrite(), server.closeWrite()]);
  await Promise.all([client.close(), server.close()]);
  expect(`\n${trace}\n`).toBe(`
time                here │                                      │ there
   0  write 50 (5 times) │                                      │
   0                     │─────────── 50 bytes in 5 ───────────▶│
   0                     │                                      │ read 50 (50 times)
   0          half-close │                                      │
   0                     │──────────────── FIN ────────────────▶│
   0                     │                                      │ half-close
   0                     │◀─────────────── FIN ─────────────────│
   0                     │                                      │ end
   0                     │                                      │ close
   0                 end │                                      │
   0               close │                                      │
`);
});

test('a deadlock shows as two writes that wait', async () => {
  const pair = tcpModelPair({ sendBuffer: 100, receiveBuffer: 100, latency: 0 });
  for (const end of [pair[0], pair[1]]) end.write(new Uint8Array(300)).catch(() => {});
  await pair.clock.settled();
  expect(`\n${pair.trace}\n`).toBe(`
time               client │                                      │ server
   0  write 200 (2 times) │                                      │
   0                      │───────────── 100 bytes ─────────────▶│
   0          write waits │                                      │
   0                      │                                      │ write 200 (2 times)
   0                      │◀──────────── 100 bytes ──────────────│
   0                      │                                      │ write waits
`);
});
