// A client that only writes, on node:tls: see ../../README.md for the protocol. A TLSSocket on a net.Socket reads
// as it likes; on a stream of our own, nothing is taken from the kernel once the handshake is done.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import tls from 'node:tls';

const [, , variant, port, ca, servername, path, version] = process.argv;
const roots = readFileSync(ca);
const data = readFileSync(path);

class Transport extends Duplex {
  #reading = true;

  constructor() {
    super();
    const take = (length, buffer) => {
      this.push(Buffer.from(buffer.subarray(0, length)));
      return this.#reading;
    };
    const onread = { buffer: Buffer.alloc(65_536), callback: take };
    this.socket = net.connect({ host: '127.0.0.1', port: Number(port), onread });
    this.socket.on('error', (error) => this.destroy(error));
  }

  stopReading() {
    this.#reading = false;
    this.socket.pause();
  }

  _read() {}

  _write(chunk, _encoding, done) {
    this.socket.write(chunk, done);
  }
}

async function upload(bytes) {
  const transport = new Transport();
  const versions = { minVersion: version, maxVersion: version };
  const socket = tls.connect({ socket: transport, servername, ca: roots, ...versions });
  await new Promise((resolve, reject) => {
    socket.on('error', reject);
    transport.on('error', reject);
    socket.once('secureConnect', () => {
      transport.stopReading();
      socket.write(bytes, () => {
        if (variant === 'close_notify') socket.end();
        else transport.end();
      });
    });
    // Everything is in the kernel, and a FIN behind it.
    transport.once('finish', () => transport.socket.end(resolve));
  });
  transport.socket.destroy();
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await upload(data.subarray(0, Number(line)));
    process.stdout.write('closed\n');
  } catch (error) {
    process.stdout.write(`failed ${error.message}\n`);
  }
}
