export {
  Agent,
  createServer,
  default,
  default as 'module.exports',
  get,
  globalAgent,
  request,
  Server,
} from './node/https.ts';
