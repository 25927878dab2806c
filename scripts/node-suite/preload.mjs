// Loaded by `--require` ahead of one of Node's own tests: puts the built face in the place of `node:tls`.

import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';
import face from '../../dist/node.js';

for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(face))) {
  // Node's `rootCertificates` cannot be replaced, and is the face's own.
  if (Object.getOwnPropertyDescriptor(tls, name)?.configurable !== false)
    Object.defineProperty(tls, name, { ...descriptor, configurable: true });
}
syncBuiltinESMExports();
