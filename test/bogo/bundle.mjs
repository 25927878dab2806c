// Makes one plain JavaScript file of the shim: the runner starts it once for each of its tests, and nothing but Node's
// own start may take time.

import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../scripts/bundle.mjs';

/** @param {string} outfile where it goes; it can be executed */
export async function bundleShim(outfile) {
  await bundle(join(dirname(fileURLToPath(import.meta.url)), 'shim.ts'), outfile, {
    // The runner takes a word on the error output for a failure, and Node's warnings are words.
    banner: { js: '#!/usr/bin/env -S node --no-warnings' },
  });
  chmodSync(outfile, 0o755);
}
