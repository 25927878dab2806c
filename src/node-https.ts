export {
  Agent,
  type AgentOptions,
  createServer,
  default,
  default as 'module.exports',
  get,
  globalAgent,
  type HttpsServerOptions as ServerOptions,
  type RequestOptions,
  request,
  Server,
} from './node/https.ts';
