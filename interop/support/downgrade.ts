import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

const supportedVersions = 43;
/** An extension that nobody knows (RFC 8701). */
const unknown = 0xfafa;

/** Somebody in the middle who hides that clients of `port` offer TLS 1.3. The port to connect to instead. */
export async function downgraded(port: number): Promise<number> {
  const server = createServer((client) => {
    const peer = connect(port, '127.0.0.1');
    client.on('error', () => peer.destroy());
    peer.on('error', () => client.destroy());
    peer.pipe(client);
    let hello = Buffer.alloc(0);
    const take = (data: Buffer): void => {
      hello = Buffer.concat([hello, data]);
      if (hello.length < 5 || hello.length < 5 + hello.readUInt16BE(3)) return;
      client.off('data', take);
      peer.write(withoutVersions(hello));
      client.pipe(peer);
    };
    client.on('data', take);
    onTestFinished(() => {
      client.destroy();
      peer.destroy();
    });
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The record of a ClientHello with the name of one extension changed. */
function withoutVersions(record: Buffer): Buffer {
  const hello = Buffer.from(record);
  // Headers, legacy_version and random; then what has a length of one or two bytes.
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at) + 2;
  while (at + 4 <= hello.length) {
    if (hello.readUInt16BE(at) === supportedVersions) hello.writeUInt16BE(unknown, at);
    at += 4 + hello.readUInt16BE(at + 2);
  }
  return hello;
}
