import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import face from '../../src/node.ts';
import {
  type Client,
  chunksOf,
  type Implementation,
  type LaneSetup,
  messageLength,
  primingConnections,
  uploadMark,
} from '../lane-protocol.ts';

type Tls = Pick<typeof tls, 'connect' | 'createSecureContext' | 'createServer'>;

/** As an application uses `node:tls`. */
function over(made: Tls): Implementation {
  return {
    async listen({ ca, identities, client, cipherSuite }) {
      const [{ cert, key }] = identities as [LaneSetup['identities'][number]];
      const server = made.createServer({
        cert,
        key,
        minVersion: 'TLSv1.3',
        noDelay: true,
        ...(client && { ca, requestCert: true, rejectUnauthorized: true }),
        ...(cipherSuite && { ciphers: cipherSuite }),
      });
      server.on('secureConnection', handle);
      return listening(server);
    },
    client(port, setup) {
      const connectionOf = new TlsConnections(made, port, setup);
      return new NodeClient(() => connectionOf.open());
    },
  };
}

export const nodeTls: Implementation = over(tls);
/** The same program with one changed import. */
export const tacitFace: Implementation = over(face);

/** A plain TCP connection: what TLS comes on top of. */
export const plainNet: Implementation = {
  async listen() {
    const server = createTcpServer({ noDelay: true });
    server.on('connection', handle);
    return listening(server);
  },
  client(port) {
    return new NodeClient(async () => {
      const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
      await once(socket, 'connect');
      return socket;
    });
  },
};

export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** `allowHalfOpen` is off: the server ends when the client does. */
function handle(socket: Socket): void {
  // Connections that are still open when the processes end.
  socket.on('error', () => {});
  socket.once('data', (first) => {
    if (first[0] === uploadMark) {
      socket.on('data', () => {});
      return;
    }
    socket.write(first);
    socket.on('data', (bytes) => socket.write(bytes));
  });
}

class TlsConnections {
  readonly #tls: Tls;
  readonly #port: number;
  readonly #setup: LaneSetup;
  readonly #context: SecureContext;
  #session: Buffer | undefined;
  #connections = 0;

  constructor(made: Tls, port: number, setup: LaneSetup) {
    this.#tls = made;
    this.#port = port;
    this.#setup = setup;
    const { ca, client, cipherSuite } = setup;
    this.#context = made.createSecureContext({
      ca,
      minVersion: 'TLSv1.3',
      ...client,
      ...(cipherSuite && { ciphers: cipherSuite }),
    });
  }

  async open(): Promise<TLSSocket> {
    const session = this.#session;
    const isPrimed = this.#setup.resumes && this.#connections >= primingConnections;
    this.#connections += 1;
    const socket = this.#tls.connect({
      host: '127.0.0.1',
      port: this.#port,
      servername: this.#setup.identities[0]!.host,
      secureContext: this.#context,
      ...(session && { session }),
    });
    socket.setNoDelay(true);
    if (this.#setup.resumes) socket.on('session', (given) => (this.#session = given));
    await once(socket, 'secureConnect');
    if (!socket.authorized) throw socket.authorizationError;
    if (isPrimed && !socket.isSessionReused()) throw new Error('not resumed');
    return socket;
  }
}

class NodeClient implements Client {
  readonly #open: () => Promise<Socket>;
  readonly #held: { readonly socket: Socket; onEcho: () => void }[] = [];
  readonly #message = new Uint8Array(messageLength);

  constructor(open: () => Promise<Socket>) {
    this.#open = open;
  }

  async handshake(): Promise<void> {
    const socket = await this.#open();
    await finished(socket.resume());
  }

  async upload(bytes: number): Promise<void> {
    const socket = (await this.#open()).resume();
    for (const chunk of chunksOf(bytes)) if (!socket.write(chunk)) await once(socket, 'drain');
    await finished(socket);
  }

  async hold(): Promise<void> {
    const connection = { socket: await this.#open(), onEcho: (): void => {} };
    let received = 0;
    connection.socket.on('data', (bytes) => {
      received += bytes.length;
      if (received < messageLength) return;
      received = 0;
      connection.onEcho();
    });
    this.#held.push(connection);
  }

  get held(): number {
    return this.#held.length;
  }

  echo(index: number): Promise<void> {
    const connection = this.#held[index]!;
    return new Promise((resolve) => {
      connection.onEcho = resolve;
      connection.socket.write(this.#message);
    });
  }
}

async function finished(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}
