import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { callable } from './callable.ts';
import { Agent as FaceAgent } from './https-agent.ts';
import { Server as FaceServer, type ServerOptions } from './https-server.ts';

export const Agent: typeof FaceAgent = callable(FaceAgent);
export const Server: typeof FaceServer = callable(FaceServer);
export const globalAgent: FaceAgent = new Agent({ keepAlive: true, timeout: 5_000 });

type OnResponse = (response: IncomingMessage) => void;

/** As `https.request`, in all of its forms: `(url, options, onResponse)` with either or both of the first two. */
export function request(options: RequestOptions | string | URL, onResponse?: OnResponse): ClientRequest;
export function request(url: string | URL, options: RequestOptions, onResponse?: OnResponse): ClientRequest;
export function request(...given: readonly unknown[]): ClientRequest {
  return requestBy(given);
}

/** Node's own request, with agents of this module where it brings none: `agent: false` is one for this request. */
function requestBy(given: readonly unknown[]): ClientRequest {
  const onResponse = given.findLast((argument) => typeof argument === 'function') as OnResponse | undefined;
  const [first, second] = given;
  const own = isUrl(first) ? second : first;
  const options = {
    ...(typeof own === 'object' ? own : undefined),
    _defaultAgent: face.globalAgent,
  } as RequestOptions;
  return isUrl(first) ? http.request(first, options, onResponse) : http.request(options, onResponse);
}

/** As Node tells them from options: those of other realms too. */
function isUrl(value: unknown): value is string | URL {
  if (typeof value === 'string') return true;
  const { href, protocol, auth, path } = (value ?? {}) as Partial<Record<string, unknown>>;
  return Boolean(href && protocol) && auth === undefined && path === undefined;
}

/** As `https.get`. */
export function get(options: RequestOptions | string | URL, onResponse?: OnResponse): ClientRequest;
export function get(url: string | URL, options: RequestOptions, onResponse?: OnResponse): ClientRequest;
export function get(...given: readonly unknown[]): ClientRequest {
  const made = requestBy(given);
  made.end();
  return made;
}

/** As `https.createServer`. */
export function createServer(
  options?: ServerOptions | ConstructorParameters<typeof Server>[1],
  listener?: ConstructorParameters<typeof Server>[1],
): FaceServer {
  return new Server(options, listener);
}

interface Face {
  readonly Agent: typeof Agent;
  readonly Server: typeof Server;
  readonly createServer: typeof createServer;
  readonly get: typeof get;
  /** What requests use that bring no agent; it may be replaced. */
  globalAgent: http.Agent;
  readonly request: typeof request;
}

/** `node:https`. */
const face: Face = { Agent, Server, createServer, get, globalAgent, request };

export default face;
