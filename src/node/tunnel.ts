import http, { type IncomingMessage } from 'node:http';
import net, { isIP, isIPv6, type Socket } from 'node:net';
import { connect } from './connect.ts';
import { nodeError } from './errors.ts';
import type { Opened } from './over-socket.ts';
import type { ProxyConfig } from './proxies.ts';

/** How long a proxy may take where neither the request nor its agent says so, milliseconds. */
const defaultTimeout = 30_000;

/** What is on the other side of the proxy, and how much patience and room its answer gets. */
export interface Target {
  readonly host: string;
  readonly port: number | string;
  /** Milliseconds for all of it: the connection to the proxy, and its answer. */
  readonly timeout?: number | undefined;
  /** Bytes; as many as of any response by default. */
  readonly maxHeaderSize?: number | undefined;
  /** Whether the connection is for more than one request: it is for the proxy to know. */
  readonly isKept: boolean;
}

/**
 * Asks a proxy for a tunnel (RFC 9110 §9.3.6), as Node's own agent does. A proxy of `https:` is verified by what all
 * connections trust, whatever the target is to be verified by.
 * @param opened gets the socket, on which nothing but the target's bytes will come, or why there is none
 *   (`ERR_PROXY_TUNNEL`, with the proxy's `statusCode`, or how long it took as `proxyTunnelTimeout`); once
 * @returns gives it up, wanted no more or refused; `opened` is not called any more
 */
export function openTunnel(proxy: ProxyConfig, target: Target, opened: Opened): () => void {
  const { protocol, proxyConnectionOptions: place } = proxy;
  const { timeout = 0 } = target;
  const below = connectTo(proxy);
  const patience = timeout > 0 ? timeout : defaultTimeout;
  const failed = (reason: string, more?: object): Error =>
    nodeError(
      'ERR_PROXY_TUNNEL',
      `There is no tunnel to ${endpointOf(target)} by ${protocol}//${place.host}:${place.port}: ${reason}`,
      more,
    );
  let isOver = false;
  const settle = (error: Error | null, socket?: Socket): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    opened(error, socket);
  };
  const timer = setTimeout(
    () => settle(failed(`it was not there after ${patience} ms`, { proxyTunnelTimeout: patience })),
    patience,
  );
  try {
    const request = requestOver(below, proxy, target);
    request.on('connect', ({ statusCode }: IncomingMessage, socket: Socket, head: Buffer) => {
      const reason = refusalOf(statusCode, head);
      if (reason === undefined) settle(null, socket);
      else settle(failed(reason, { statusCode }));
    });
    request.on('error', (error) => {
      const reason = reasonOf(error);
      settle(reason === undefined ? error : failed(reason));
    });
    request.end();
  } catch (error) {
    // A request that has waited for its connection has nobody left to throw at.
    process.nextTick(settle, error as Error);
  }
  return () => {
    isOver = true;
    clearTimeout(timer);
    below.destroy();
  };
}

function endpointOf({ host, port }: Target): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** Nothing that is said of the target counts for the proxy: neither whom to trust nor by what certificate to be known. */
function connectTo({ protocol, proxyConnectionOptions: place }: ProxyConfig): Socket {
  if (protocol === 'http:') return net.connect({ ...place, allowHalfOpen: true });
  return connect({ ...place, ...(isIP(place.host) === 0 && { servername: place.host }) });
}

/** As Node's agent writes it. @throws Error for what is no host */
function requestOver(below: Socket, { auth }: ProxyConfig, target: Target): http.ClientRequest {
  const endpoint = endpointOf(target);
  const request = http.request({
    method: 'CONNECT',
    path: endpoint,
    headers: {
      ...(auth !== undefined && { 'proxy-authorization': auth }),
      ...(target.isKept && { 'proxy-connection': 'keep-alive' }),
      host: endpoint,
    },
    setHost: false,
    maxHeaderSize: target.maxHeaderSize,
    createConnection: () => below,
  });
  // It would say that the connection is to be closed behind the answer.
  request.removeHeader('connection');
  return request;
}

function refusalOf(statusCode: number | undefined, head: Buffer): string | undefined {
  if (statusCode !== 200) return `the answer is ${statusCode}`;
  // A server of TLS waits for its client: whoever could write this was not the target.
  return head.length > 0 ? 'bytes came behind the answer' : undefined;
}

/** What was received is not shown. Undefined where the connection itself has failed, which is told as it is. */
function reasonOf({ code = '', message }: NodeJS.ErrnoException): string | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'the answer is too long';
  if (code.startsWith('HPE_')) return 'the answer is no HTTP';
  return message === 'socket hang up' ? 'the proxy has ended the connection' : undefined;
}
