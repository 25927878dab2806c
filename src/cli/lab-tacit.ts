import { listen, type TlsStream } from '../index.ts';
import type { DevelopmentCertificate } from './development-certificate.ts';
import type { Ending, LabServer, Reader, Reception } from './lab-server.ts';
import { onlyVersion, type TlsVersion } from './tls-version.ts';
import { packageVersion } from './version.ts';

/** A Tacit server with the settings that everybody gets: tickets are on. */
export async function startTacitServer(
  { cert, key }: DevelopmentCertificate,
  version: TlsVersion | undefined,
): Promise<LabServer> {
  const identity = { cert, key };
  const listener = await listen({ host: '127.0.0.1', port: 0, identity, ...onlyVersion(version) });
  return {
    name: 'tacit',
    description: `tacit ${packageVersion()}`,
    async receive(reader: Reader): Promise<Reception> {
      const abort = new AbortController();
      let stream: TlsStream | undefined;
      const receiveOne = async (): Promise<Ending> => {
        stream = await listener.accept({ signal: abort.signal });
        return readLate(stream, reader);
      };
      const cancel = (): void => {
        abort.abort();
        stream?.destroy();
      };
      return { port: listener.address.port, ended: receiveOne(), cancel };
    },
    close: () => listener.close(),
  };
}

async function readLate(stream: TlsStream, reader: Reader): Promise<Ending> {
  try {
    await stream.handshake();
    await reader.start;
    for await (const bytes of stream) reader.take(bytes);
    await stream.close();
    return 'clean';
  } catch {
    return 'error';
  }
}
