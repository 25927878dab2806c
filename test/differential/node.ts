import { randomBytes } from 'node:crypto';
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { StoppableTransport } from '../../src/cli/lab-client.ts';
import type { CipherSuiteName, NamedGroup } from '../../src/index.ts';
import { Deferred } from '../../src/streams/deferred.ts';
import { authorityPem, materialFor, nameOfLeaf } from './certificates.ts';
import { type Endpoint, exporterLabel, type Facts, type Failure, type Library } from './endpoint.ts';
import { nodeFailure } from './node-errors.ts';
import { type EndpointChoice, type RecordChoice, type ServerChoice, schemesOf } from './scenario.ts';

/** What stands in Node. */
export function node(records: RecordChoice): Library {
  const ticketKeys = randomBytes(48);
  const servers = new Map<ServerChoice, Server>();
  let session: Buffer | undefined;
  return {
    name: 'node',
    async client(choice, transport): Promise<Endpoint> {
      const material = choice.certificate && (await materialFor(choice.certificate));
      const { host, serverName } = choice;
      const socket = connect({
        ...common(choice),
        socket: transport,
        host,
        servername: serverName,
        ca: authorityPem(choice.trusts),
        ...(material && { cert: material.cert, key: material.key }),
        ...(session && { session }),
      });
      socket.on('session', (latest) => {
        session = latest;
      });
      const secured = new Deferred<TLSSocket>();
      socket.once('secureConnect', () => {
        if (transport instanceof StoppableTransport) transport.stopReading();
        secured.resolve(socket);
      });
      socket.once('error', (error) => secured.reject(error));
      socket.once('close', () => secured.reject(new Error('closed')));
      return new NodeEndpoint(secured.promise, watch(socket, records), 'client', false);
    },
    async server(choice, transport): Promise<Endpoint> {
      let server = servers.get(choice);
      server ??= await makeServer(choice, ticketKeys);
      servers.set(choice, server);
      const asks = choice.clientAuthentication !== 'none';
      // Half-open, it would take the client's end during the handshake for half an end, and go on waiting.
      transport.allowHalfOpen = false;
      const events = new Events();
      const secured = nextConnection(server, (socket) => {
        transport.allowHalfOpen = true;
        socket.allowHalfOpen = true;
        watch(socket, records, events);
      });
      server.emit('connection', transport);
      return new NodeEndpoint(secured, events, 'server', asks);
    },
  };
}

const curves: Readonly<Record<NamedGroup, string>> = {
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  x25519: 'X25519',
};

const groupNames: ReadonlyMap<string | undefined, string> = new Map([
  ['prime256v1', 'secp256r1'],
  ['secp256r1', 'secp256r1'],
  ['secp384r1', 'secp384r1'],
  ['secp521r1', 'secp521r1'],
  ['X25519', 'x25519'],
]);

function common(choice: EndpointChoice): SecureContextOptions & Pick<TlsOptions, 'ALPNProtocols'> {
  return {
    minVersion: choice.versions[0],
    maxVersion: choice.versions.at(-1),
    ciphers: choice.suites.map(opensslName).join(':'),
    // Always said: the defaults of OpenSSL 3.5 are others than those of 3.0.
    ecdhCurve: choice.groups.map((group) => curves[group]).join(':'),
    ...(choice.schemes && { sigalgs: schemesOf(choice)?.join(':') }),
    ...(choice.alpn.length > 0 && { ALPNProtocols: [...choice.alpn] }),
  };
}

/** Suites of TLS 1.2 have names of OpenSSL's own: ECDHE-RSA-AES128-GCM-SHA256. */
function opensslName(suite: CipherSuiteName): string {
  const [, key, cipher = ''] = /^TLS_ECDHE_(RSA|ECDSA)_WITH_(\w+)$/.exec(suite) ?? [];
  if (key === undefined) return suite;
  const name = cipher.replace('AES_', 'AES').replace('POLY1305_SHA256', 'POLY1305').replaceAll('_', '-');
  return `ECDHE-${key}-${name}`;
}

async function makeServer(choice: ServerChoice, ticketKeys: Buffer): Promise<Server> {
  const asks = choice.clientAuthentication !== 'none';
  const contexts = await Promise.all(
    choice.certificates.map(async (one) => {
      const { cert, key } = await materialFor(one);
      return { ...common(choice), cert, key, ...(asks && { ca: authorityPem(choice.trusts) }) };
    }),
  );
  const named = choice.certificates.flatMap(({ names }, index) => names.map((name) => ({ name, index })));
  const server = createServer({
    ...contexts[0],
    ticketKeys,
    requestCert: asks,
    rejectUnauthorized: choice.clientAuthentication === 'require',
    ...(choice.refusesUnknownNames && {
      SNICallback: (serverName: string, done: (error: Error | null, context?: SniContext) => void): void => {
        const name = serverName.toLowerCase().replace(/\.$/, '');
        const found =
          named.find((one) => one.name === name) ??
          named.find((one) => one.name === name.replace(/^[^.]*/, '*'));
        if (found === undefined)
          done(Object.assign(new Error('nobody has this name'), { code: 'UNKNOWN_NAME' }));
        else done(null, createSecureContext(contexts[found.index]));
      },
    }),
  });
  // The last one that fits is taken: exact names behind wildcards.
  const wildcardsFirst = named.toSorted(
    (one, other) => Number(other.name[0] === '*') - Number(one.name[0] === '*'),
  );
  if (choice.certificates.length > 1)
    for (const { name, index } of wildcardsFirst) server.addContext(name, contexts[index]!);
  return server;
}

type SniContext = ReturnType<typeof createSecureContext>;

/** @param onSecure called at once: an end may come before any promise */
function nextConnection(server: Server, onSecure: (socket: TLSSocket) => void): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    server.removeAllListeners('secureConnection').removeAllListeners('tlsClientError');
    server.once('secureConnection', (socket) => {
      onSecure(socket);
      resolve(socket);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, { authorizationError }: TLSSocket) => {
      if (authorizationError) reject(Object.assign(new Error('unauthorized'), { code: authorizationError }));
      else reject(error);
    });
  });
}

/** What has happened to a socket. */
class Events {
  readonly errors: unknown[] = [];
  /** Behind an alert, a TLSSocket leaves writes without an answer: they fail with this. */
  readonly failed: Deferred<never> = new Deferred();
  isEnded = false;
  isClosed = false;
  #wake: () => void = () => {};

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  happened(): void {
    this.#wake();
  }
}

function watch(socket: TLSSocket, records: RecordChoice, events: Events = new Events()): Events {
  socket.on('error', (error) => {
    events.errors.push(error);
    events.failed.reject(error);
    events.happened();
  });
  socket.on('readable', () => events.happened());
  socket.on('end', () => {
    events.isEnded = true;
    events.happened();
  });
  socket.on('close', () => {
    events.isClosed = true;
    events.failed.reject(new Error('closed'));
    events.happened();
  });
  const limit = (): boolean => socket.setMaxSendFragment(records.nodeFragment);
  if (socket.getProtocol() === null) socket.once('secureConnect', limit);
  else limit();
  return events;
}

class NodeEndpoint implements Endpoint {
  readonly #secured: Promise<TLSSocket>;
  readonly #events: Events;
  readonly #side: 'client' | 'server';
  readonly #asks: boolean;
  #socket: TLSSocket | undefined;

  constructor(secured: Promise<TLSSocket>, events: Events, side: 'client' | 'server', asks: boolean) {
    this.#secured = secured;
    this.#events = events;
    this.#side = side;
    this.#asks = asks;
  }

  async handshake(): Promise<Facts> {
    const socket = await this.#secured;
    this.#socket = socket;
    const isServer = this.#side === 'server';
    const group = isServer ? undefined : (socket.getEphemeralKeyInfo() as { name?: string }).name;
    const peer = socket.getPeerX509Certificate();
    const serverName = isServer && (socket as { servername?: string | false }).servername;
    return {
      version: socket.getProtocol() ?? 'none',
      suite: socket.getCipher().standardName,
      group: groupNames.get(group) ?? group,
      alpn: socket.alpnProtocol || undefined,
      serverName: serverName || undefined,
      resumed: socket.isSessionReused(),
      peer: peer && nameOfLeaf(peer.raw),
      authorized: this.#asks ? socket.authorized && peer !== undefined : undefined,
      exporter: socket.exportKeyingMaterial(32, exporterLabel, Buffer.from([1, 2, 3])).toString('hex'),
    };
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#open.read() as Buffer | null;
      if (bytes !== null) return bytes;
      const { errors, isEnded, isClosed } = this.#events;
      if (errors.length > 0) throw errors[0];
      if (isEnded) return undefined;
      if (isClosed) throw new Error('closed');
      await this.#events.next();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#settled((done) => this.#open.write(bytes, done));
  }

  async updateKeys(): Promise<void> {}

  endWriting(): Promise<void> {
    return this.#settled((done) => this.#open.end(done));
  }

  stopReading(): void {
    this.#open.pause();
  }

  async close(): Promise<void> {
    if (!this.#open.writableEnded) await this.endWriting();
    this.#open.destroy();
  }

  destroy(): void {
    this.#secured.then((socket) => socket.destroy()).catch(() => {});
  }

  async failureOf(error: unknown): Promise<Failure> {
    const known = (): Failure => nodeFailure([...this.#events.errors, error]);
    // A failed write may come before the alert that says why; behind an alert the socket may stay open.
    while (this.#socket !== undefined && !this.#events.isClosed && known().by === 'transport')
      await this.#events.next();
    return known();
  }

  get #open(): TLSSocket {
    if (this.#socket === undefined) throw new Error('no handshake');
    return this.#socket;
  }

  #settled(run: (done: (error?: Error | null) => void) => void): Promise<void> {
    const done = new Promise<void>((resolve, reject) => run((error) => (error ? reject(error) : resolve())));
    return Promise.race([this.#events.failed.promise, done]);
  }
}
