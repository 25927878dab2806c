import type { ClientRequest, IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';
import { Agent } from './https-agent.ts';
import { Server, type ServerOptions } from './https-server.ts';

type OnResponse = (response: IncomingMessage) => void;

export const globalAgent: Agent = new Agent({ keepAlive: true, timeout: 5_000 });

/** As `https.request`, in all of its forms: `(url, options, onResponse)` with either or both of the first two. */
export function request(options: RequestOptions | string | URL, onResponse?: OnResponse): ClientRequest;
export function request(url: string | URL, options: RequestOptions, onResponse?: OnResponse): ClientRequest;
export function request(...given: readonly unknown[]): ClientRequest {
  return requestBy(given);
}

function requestBy(given: readonly unknown[]): ClientRequest {
  const onResponse = given.findLast((argument) => typeof argument === 'function') as OnResponse | undefined;
  const [first, second] = given;
  const url = typeof first === 'string' ? new URL(first) : first instanceof URL ? first : undefined;
  const own = (url === undefined ? first : typeof second === 'object' ? second : undefined) as
    | RequestOptions
    | undefined;
  const options: RequestOptions = { ...own, agent: agentFor(own) as https.Agent };
  return url === undefined ? https.request(options, onResponse) : https.request(url, options, onResponse);
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
): Server {
  return new Server(options, listener);
}

/** `false` is an agent for this one request. Whoever brings an agent of their own has chosen its connections. */
function agentFor(options: RequestOptions | undefined): RequestOptions['agent'] | Agent {
  if (options?.agent === false) return new Agent();
  return options?.agent ?? globalAgent;
}

export { Agent, Server };

interface Face {
  readonly Agent: typeof Agent;
  readonly Server: typeof Server;
  readonly createServer: typeof createServer;
  readonly get: typeof get;
  readonly globalAgent: Agent;
  readonly request: typeof request;
}

/** `node:https`. */
const face: Face = { Agent, Server, createServer, get, globalAgent, request };

export default face;
