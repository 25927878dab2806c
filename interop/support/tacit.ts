import { readFileSync } from 'node:fs';
import {
  type ClientConfig,
  type ClientOptions,
  type CloseReport,
  clientConfig,
  connect,
  type HandshakeInfo,
  listen,
  loadIdentity,
  type ServerIdentity,
  type ServerOptions,
  type SignatureScheme,
  type TlsStream,
} from '../../src/index.ts';
import { serverName } from './certificates.ts';
import { Incoming, type Received } from './incoming.ts';
import type { Version } from './names.ts';
import { type Payloads, sha256 } from './payload.ts';
import type { ClientRun, IdentityFiles, PeerClient, PeerReport, PeerServer, ServerRun } from './peer.ts';
import { certificates } from './run.ts';

/** How one connection went on Tacit's side. */
export interface TacitReport extends Received {
  readonly info: HandshakeInfo;
  /** As in `PeerReport`; undefined where there is no extended master secret. */
  readonly exporter: string | undefined;
  readonly exporterInContext: string | undefined;
  readonly closed: CloseReport;
}

/** What Tacit does beyond the exchange itself. */
export interface TacitBehaviour {
  /** Updates the keys, and asks for the peer's, in the middle of what is sent. */
  readonly updateKeys?: boolean;
}

/** Both sides' accounts, connection by connection; Tacit's ends with the first failure. */
export interface Exchange {
  readonly tacit: readonly TacitReport[];
  readonly failure: unknown;
  readonly peer: readonly PeerReport[];
  /** The highest version of the peer. */
  readonly version: Version;
  /** Of what each side must have received. */
  readonly hashes: { readonly tacit: string; readonly peer: string };
  /** How the peer's side may end. */
  readonly ends: readonly CloseReport['ended'][];
}

/** The certificate and key in `files`, as the options want them. */
export function identity(files: IdentityFiles): { readonly cert: string; readonly key: string } {
  return { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
}

/** The same, with a signer that signs with one scheme only. */
export function signingOnly(files: IdentityFiles, scheme: SignatureScheme): ServerIdentity {
  const { chain, signer } = loadIdentity(identity(files));
  const schemes = [scheme];
  return { chain, signer: { schemes, sign: (...question) => signer.sign(...question) } };
}

export function roots(): string {
  return readFileSync(certificates.roots, 'utf8');
}

/** Runs a peer's client against a Tacit server: as many connections as `run` says, one after another. */
export async function serveTo(
  client: PeerClient,
  run: Partial<ClientRun>,
  options: Partial<ServerOptions> = {},
  behaviour: TacitBehaviour = {},
): Promise<Exchange> {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: identity(certificates.server()),
    ...options,
  });
  const { version, payloads: sizes } = client;
  const payloads = sizes[run.size ?? 'usual'];
  const tacit: TacitReport[] = [];
  let failure: unknown;
  const peerDone = new AbortController();
  const serving = (async () => {
    for (let i = 0; i < (run.connections ?? 1); i++) {
      const stream = await listener.accept({ signal: peerDone.signal });
      const one = run.oneWay ? receiveOne(stream) : serveOne(stream, client, payloads, behaviour);
      tacit.push(await one);
    }
  })().catch((error: unknown) => {
    failure = error;
  });
  try {
    const { port } = listener.address;
    const peer = await client.run({ versions: [version], ...run, port, roots: certificates.roots });
    peerDone.abort();
    await serving;
    const { upload, download } = payloads;
    const answer = run.oneWay ? Buffer.alloc(0) : download;
    const hashes = { tacit: sha256(upload), peer: sha256(answer) };
    // An HTTP client has its answer by its length, and may be gone before it has read our close_notify.
    const ends: CloseReport['ended'][] = ['close_notify'];
    if (client.application === 'http') ends.push('reset');
    return { tacit, failure, peer, version: run.versions?.at(-1) ?? version, hashes, ends };
  } finally {
    await listener.close();
  }
}

async function serveOne(
  stream: TlsStream,
  client: PeerClient,
  { upload, download }: Payloads,
  behaviour: TacitBehaviour,
): Promise<TacitReport> {
  const info = await stream.handshake();
  const exported = exporters(stream, info);
  const incoming = new Incoming(stream);
  if (client.application === 'http') await incoming.takeThrough('\r\n\r\n');
  const received = await incoming.take(upload.length);
  if (client.application === 'http') {
    const head = ['HTTP/1.1 200 OK', `Content-Length: ${download.length}`, 'Connection: close', '', ''];
    await stream.write(Buffer.from(head.join('\r\n')));
  }
  await send(stream, download, behaviour);
  if (client.closesFirst === 'server') await stream.closeWrite();
  const rest = await incoming.takeAll();
  if (rest.bytes > 0) throw new Error(`${rest.bytes} bytes too many`);
  return { info, ...received, ...exported, closed: await stream.close() };
}

/** Reads to the end and closes: the only thing that is sent is what goes with the close. */
async function receiveOne(stream: TlsStream): Promise<TacitReport> {
  const info = await stream.handshake();
  const exported = exporters(stream, info);
  const received = await new Incoming(stream).takeAll();
  return { info, ...received, ...exported, closed: await stream.close() };
}

/** Runs Tacit clients against a peer's server: as many connections as `run` says, one after another. */
export async function connectTo(
  server: PeerServer,
  run: Partial<ServerRun>,
  options: Partial<ClientOptions> = {},
  behaviour: TacitBehaviour = {},
): Promise<Exchange> {
  const { version, payloads: sizes } = server;
  const payloads = sizes[run.size ?? 'usual'];
  const running = await server.start({ versions: [version], identity: certificates.server(), ...run });
  // One configuration: it holds the sessions.
  const config = clientConfig({ ca: roots(), ...options });
  const tacit: TacitReport[] = [];
  let failure: unknown;
  try {
    for (let i = 0; i < (run.connections ?? 1); i++) {
      tacit.push(await connectOne(running.port, config, server, payloads, behaviour));
    }
  } catch (error) {
    failure = error;
  }
  const failed = failure !== undefined;
  const peer = await running.reports(tacit.length + (failed ? 1 : 0), failed);
  const hashes = { tacit: sha256(payloads.download), peer: sha256(payloads.upload) };
  const highest = run.versions?.at(-1) ?? version;
  return { tacit, failure, peer, version: highest, hashes, ends: ['close_notify'] };
}

async function connectOne(
  port: number,
  config: ClientConfig,
  server: PeerServer,
  { upload, download }: Payloads,
  behaviour: TacitBehaviour,
): Promise<TacitReport> {
  const stream = await connect({ host: '127.0.0.1', port, serverName, config });
  try {
    const { info } = stream;
    if (info === undefined) throw new Error('no handshake info after the handshake');
    const exported = exporters(stream, info);
    const incoming = new Incoming(stream);
    const writing = send(stream, upload, behaviour);
    // Reading goes on during it; an error that reads do not show is thrown below.
    writing.catch(() => undefined);
    const received = await incoming.take(download.length);
    await writing;
    if (server.closesFirst === 'server') {
      const rest = await incoming.takeAll();
      if (rest.bytes > 0) throw new Error(`${rest.bytes} bytes too many`);
    }
    return { info, ...received, ...exported, closed: await stream.close() };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function send(stream: TlsStream, payload: Buffer, behaviour: TacitBehaviour): Promise<void> {
  const middle = payload.length / 2;
  await stream.write(payload.subarray(0, middle));
  if (behaviour.updateKeys) await stream.updateKeys();
  await stream.write(payload.subarray(middle));
}

function exporters(
  stream: TlsStream,
  { extendedMasterSecret }: HandshakeInfo,
): Pick<TacitReport, 'exporter' | 'exporterInContext'> {
  if (!extendedMasterSecret) return { exporter: undefined, exporterInContext: undefined };
  // In TLS 1.2 no context is not the same as an empty one (RFC 5705 §4).
  const [exporter, exporterInContext] = [undefined, Buffer.from('context')].map((context) => {
    const material = stream.exportKeyingMaterial('EXPORTER-tacit-interop', context, 32);
    return Buffer.from(material).toString('hex');
  });
  return { exporter, exporterInContext };
}
