export {
  checkServerIdentity,
  connect,
  convertALPNProtocols,
  createSecureContext,
  createServer,
  default,
  default as 'module.exports',
  getCiphers,
  rootCertificates,
  SecureContext,
  Server,
  TLSSocket,
} from './node/face.ts';
