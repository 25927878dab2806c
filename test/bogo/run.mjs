// Runs BoringSSL's protocol test runner against the shim: BOGO_RUNNER=/path/to/runner npm run test:bogo -- [its flags].
// The runner is not part of this repository; docs/conformance.md says what it is and where Tacit stands with it.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundleShim } from './bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const runner = process.env['BOGO_RUNNER'];

if (runner === undefined || !existsSync(runner)) {
  console.error(
    "BOGO_RUNNER has to name the binary of BoringSSL's test runner, built from its ssl/test/runner (see docs/conformance.md)",
  );
  process.exit(2);
}

const shim = join(here, 'out/shim.mjs');
await bundleShim(shim);

const outcomes = { PASSED: 'passed', FAILED: 'failed', UNIMPLEMENTED: 'not implemented' };
const noCounts = () => ({ PASSED: 0, FAILED: 0, UNIMPLEMENTED: 0 });
const groups = new Map();
const child = spawn(
  runner,
  [
    '-pipe',
    '-allow-unimplemented',
    '-shim-config',
    join(here, 'config.json'),
    '-shim-path',
    shim,
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
for await (const line of createInterface({ input: child.stdout })) {
  const [, outcome, name] = /^(PASSED|FAILED|UNIMPLEMENTED) \((.*)\)$/.exec(line) ?? [];
  if (outcome === undefined) {
    // What went wrong stands below the name of the test.
    if (line !== '' && line !== 'PASS') console.log(line);
    continue;
  }
  if (outcome !== 'PASSED') console.log(line);
  const group = /^[A-Za-z0-9]+/.exec(name)?.[0] ?? name;
  const counts = groups.get(group) ?? noCounts();
  counts[outcome] += 1;
  groups.set(group, counts);
}

const sum = noCounts();
console.log(
  `\n${'group'.padEnd(36)}${Object.values(outcomes)
    .map((name) => name.padStart(17))
    .join('')}`,
);
for (const [group, counts] of [...groups].sort(([one], [other]) => (one < other ? -1 : 1))) {
  print(group, counts);
  for (const outcome of Object.keys(sum)) sum[outcome] += counts[outcome];
}
print('all', sum);
process.exitCode = sum.FAILED > 0 || sum.PASSED === 0 ? 1 : 0;

function print(name, counts) {
  const columns = Object.keys(outcomes).map((outcome) => String(counts[outcome]).padStart(17));
  console.log(`${name.padEnd(36)}${columns.join('')}`);
}
