// Bundles the benchmark with the sources that it measures, as Node 20 runs no TypeScript, and starts it.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../scripts/bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const outfile = join(here, 'out/main.mjs');

await bundle(join(here, 'main.ts'), outfile, { sourcemap: 'inline' });
await import(outfile);
