// For scripts/node-suite.mjs: puts the built faces of `tls`, `https` and `http2` in the place of Node's, as if a test
// imported them.

import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
require('../dist/node-register.js');
for (const name of ['https', 'http2']) {
  const builtin = require(`node:${name}`);
  const face = require(`../dist/node-${name}.js`);
  // What a test puts there (`globalAgent`) is put into the face.
  for (const key of Object.keys(face)) {
    const get = () => face[key];
    const set = (value) => {
      face[key] = value;
    };
    Object.defineProperty(builtin, key, { configurable: true, enumerable: true, get, set });
  }
}
syncBuiltinESMExports();
