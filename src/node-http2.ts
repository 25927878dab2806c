export {
  connect,
  constants,
  createSecureServer,
  createServer,
  default,
  default as 'module.exports',
  getDefaultSettings,
  getPackedSettings,
  getUnpackedSettings,
  Http2ServerRequest,
  Http2ServerResponse,
  performServerHandshake,
  sensitiveHeaders,
} from './node/http2.ts';
export type { SecureServerOptions } from './node/http2-server.ts';
