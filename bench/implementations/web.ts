import http, { type IncomingMessage, type RequestListener } from 'node:http';
import nodeHttps from 'node:https';
import faceHttps from '../../src/node-https.ts';
import type { LaneSetup, WebClient, WebImplementation } from '../lane-protocol.ts';
import { listening } from './node.ts';

const body = Buffer.alloc(100, 'x');

const answer: RequestListener = (_request, response) => {
  response.setHeader('content-length', body.length);
  response.end(body);
};

/** As an application uses `node:https`: an agent that keeps its connections. */
function over(https: typeof nodeHttps): WebImplementation {
  return {
    async listen({ identities }) {
      const [{ cert, key }] = identities as [LaneSetup['identities'][number]];
      return listening(https.createServer({ cert, key, minVersion: 'TLSv1.3' }, answer));
    },
    client(port, { ca, identities }) {
      const agent = new https.Agent({ keepAlive: true });
      const options = { host: '127.0.0.1', port, agent, ca, servername: identities[0]!.host };
      return clientOf((onResponse) => https.get(options, onResponse));
    },
  };
}

export const nodeWeb: WebImplementation = over(nodeHttps);
export const tacitWeb: WebImplementation = over(faceHttps);

/** Without TLS. */
export const plainWeb: WebImplementation = {
  listen: async () => listening(http.createServer(answer)),
  client(port) {
    const agent = new http.Agent({ keepAlive: true });
    return clientOf((onResponse) => http.get({ host: '127.0.0.1', port, agent }, onResponse));
  },
};

function clientOf(get: (onResponse: (response: IncomingMessage) => void) => http.ClientRequest): WebClient {
  return {
    request: () =>
      new Promise((resolve, reject) => {
        get((response) => response.on('end', resolve).on('error', reject).resume()).on('error', reject);
      }),
  };
}
