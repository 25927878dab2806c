// Builds dist/: the library by tsc, file by file, and the command line as one bundle.

import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundledPackages, licenceTexts } from './licences.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cliSource = join(root, 'src/cli/main.ts');
const cliOutput = join(root, 'dist/cli/main.js');

// Some bundled libraries are CommonJS and call require() for Node's own modules.
const requireShim = [
  "import { createRequire as __bundleCreateRequire } from 'node:module';",
  'const require = __bundleCreateRequire(import.meta.url);',
].join('\n');

rmSync(join(root, 'dist'), { recursive: true, force: true });

// `exports` hides bin/tsc, so it is found next to the package's package.json.
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const compiled = spawnSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(1);

const shebang = readFileSync(cliSource, 'utf8').startsWith('#!') ? '' : '#!/usr/bin/env node\n';
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [cliSource],
  outfile: cliOutput,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: shebang + requireShim },
  metafile: true,
  logLevel: 'warning',
});
chmodSync(cliOutput, 0o755);
writeFileSync(
  join(root, 'dist/cli/THIRD-PARTY-LICENSES.txt'),
  licenceTexts(bundledPackages(root, Object.keys(metafile.inputs))),
);
