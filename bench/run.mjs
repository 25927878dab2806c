// Bundles the benchmark with the sources that it measures, as Node 20 runs no TypeScript, and starts it.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../scripts/bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const outfile = join(here, 'out/main.mjs');

await bundle(join(here, 'side.ts'), join(here, 'out/side.mjs'), { sourcemap: 'inline' });
// The library that draws plots is there in a checkout, and only loaded where there is something to draw.
await bundle(join(here, 'main.ts'), outfile, { sourcemap: 'inline', external: ['echarts'] });
await import(outfile);
