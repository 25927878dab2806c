import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { DevelopmentCertificate } from './development-certificate.ts';
import type { Ending, LabServer, Reader, Reception } from './lab-server.ts';
import { onlyVersion, type TlsVersion } from './tls-version.ts';

/** A plain `node:tls` server, as everybody writes it. */
export async function startNodeServer(
  { cert, key }: DevelopmentCertificate,
  version: TlsVersion | undefined,
): Promise<LabServer> {
  const server = createServer({ cert, key, ...onlyVersion(version) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    name: 'node:tls',
    description: `node:tls (Node ${process.versions.node}, OpenSSL ${process.versions.openssl})`,
    async receive(reader: Reader): Promise<Reception> {
      let socket: TLSSocket | undefined;
      const ended = new Promise<Ending>((resolve) => {
        server.removeAllListeners('secureConnection').removeAllListeners('tlsClientError');
        server.once('tlsClientError', () => resolve('error'));
        server.once('secureConnection', (connection) => {
          socket = connection;
          resolve(readLate(connection, reader));
        });
      });
      return { port, ended, cancel: () => socket?.destroy() };
    },
    async close(): Promise<void> {
      server.close();
    },
  };
}

async function readLate(socket: TLSSocket, reader: Reader): Promise<Ending> {
  const ended = new Promise<Ending>((resolve) => {
    socket.on('error', () => resolve('error'));
    socket.on('end', () => resolve('clean'));
    socket.on('close', () => resolve('nothing'));
  });
  await reader.start;
  socket.on('data', (bytes) => reader.take(bytes));
  return ended;
}
