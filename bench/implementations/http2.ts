import { once } from 'node:events';
import nodeH2, { type ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import faceH2 from '../../src/node-http2.ts';
import {
  chunksOf,
  type LaneSetup,
  messageLength,
  type WebClient,
  type WebImplementation,
} from '../lane-protocol.ts';
import { listening } from './node.ts';

/** As many bytes as the path says. */
function answer(stream: ServerHttp2Stream, headers: { readonly ':path'?: string }): void {
  const bytes = Number(headers[':path']?.slice(1));
  stream.respond({ ':status': 200 });
  if (bytes <= messageLength) stream.end(Buffer.alloc(bytes));
  else Readable.from(chunksOf(bytes), { objectMode: false }).pipe(stream);
}

function over(http2: Pick<typeof nodeH2, 'connect' | 'createSecureServer'>): WebImplementation {
  return {
    async listen({ identities }) {
      const [{ cert, key }] = identities as [LaneSetup['identities'][number]];
      const server = http2.createSecureServer({ cert, key, minVersion: 'TLSv1.3' });
      server.on('stream', answer);
      return listening(server);
    },
    client: (port, { ca, identities }) =>
      clientOf(() => http2.connect(`https://127.0.0.1:${port}`, { ca, servername: identities[0]!.host })),
  };
}

export const nodeHttp2: WebImplementation = over(nodeH2);
export const tacitHttp2: WebImplementation = over(faceH2);

/** Without TLS. */
export const plainHttp2: WebImplementation = {
  async listen() {
    const server = nodeH2.createServer();
    server.on('stream', answer);
    return listening(server);
  },
  client: (port) => clientOf(() => nodeH2.connect(`http://127.0.0.1:${port}`)),
};

function clientOf(connect: () => nodeH2.ClientHttp2Session): WebClient {
  const ask = async (bytes: number, count: number): Promise<void> => {
    const session = connect();
    await once(session, 'connect');
    await Promise.all(Array.from({ length: count }, () => download(session, bytes)));
    const closed = once(session, 'close');
    session.close();
    await closed;
  };
  return { request: (bytes = 0) => ask(bytes, 1), streams: (count) => ask(messageLength, count) };
}

async function download(session: nodeH2.ClientHttp2Session, bytes: number): Promise<void> {
  const request = session.request({ ':path': `/${bytes}` });
  let received = 0;
  for await (const data of request) received += (data as Buffer).length;
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
}
