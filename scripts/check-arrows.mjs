// Proves that the lint holds the arrows of the house (CONTRIBUTING.md): in a temporary copy of the tree it
// plants imports, one to a file, and fails unless Biome reports exactly the forbidden ones, and none unplanted.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { join as joinPosix, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// The house, stated a second time and on purpose: a slip in biome.json must not pass by being copied from it.
const below = {
  wire: ['base'],
  crypto: ['base'],
  keys: ['crypto', 'wire', 'base'],
  pki: ['crypto', 'wire', 'base'],
  sessions: ['crypto', 'wire', 'base'],
  handshake: ['keys', 'sessions', 'pki', 'crypto', 'wire', 'base'],
  connection: ['handshake', 'sessions', 'pki', 'keys', 'crypto', 'wire', 'base'],
  streams: ['connection', 'base'],
  testing: ['streams', 'base'],
};
const rooms = {
  base: [],
  ...below,
  'crypto/node': ['crypto', 'base', 'node:fs', 'node:fs/promises'],
  'crypto/portable': ['crypto', 'base'],
  redis: ['sessions'],
  net: [
    ...Object.keys(below).filter((room) => room !== 'testing'),
    'base',
    'crypto/node',
    'node:fs',
    'node:fs/promises',
  ],
  node: ['net', 'streams', 'connection', 'crypto/node', 'base', 'node:fs', 'node:fs/promises'],
  cli: [
    'index.ts',
    'engine.ts',
    'node',
    'net',
    'testing',
    'streams',
    'node:fs',
    'node:fs/promises',
    '@peculiar/x509',
    'cli-progress',
    'reflect-metadata',
  ],
};
const roomNames = Object.keys(rooms);
const entryFiles = roomNames.filter((room) => room !== 'cli');
const usesNode = ['crypto/node', 'net', 'node', 'cli'];

const targets = [
  ...roomNames,
  'index.ts',
  'engine.ts',
  'node:fs',
  'node:fs/promises',
  'fs',
  'vitest',
  '@peculiar/x509',
  'cli-progress',
  'reflect-metadata',
  '../test/helpers.ts',
  '../package.json',
];

const importForms = [
  (specifier) => `import { planted } from '${specifier}';\nexport const used: unknown = planted;\n`,
  (specifier) => `import type { Planted } from '${specifier}';\nexport type Used = Planted;\n`,
  (specifier) => `export { planted } from '${specifier}';\n`,
  (specifier) => `export type { Planted } from '${specifier}';\n`,
  (specifier) => `export * from '${specifier}';\n`,
  (specifier) => `import '${specifier}';\n`,
  (specifier) => `export const used: Promise<unknown> = import('${specifier}');\n`,
];
const alwaysForbidden = [
  "export const used: import('./planted.ts').Planted = 1;\n",
  "export type Used = typeof import('./planted.ts');\n",
  "export const used: unknown = require('./planted.cjs');\n",
];
const nodeOnly = [
  "export const used: Uint8Array = Buffer.from('');\n",
  'export function planted(used: Buffer): void {}\n',
  'export const used: number = process.pid;\n',
  'export const used: unknown = globalThis.process;\n',
  'setImmediate(() => {});\n',
  'export function planted(used: NodeJS.Timeout): void {}\n',
];

const arrowRules = new Set([
  'lint/style/noRestrictedImports',
  'lint/style/noRestrictedGlobals',
  'lint/style/noRestrictedTypes',
  'lint/style/noCommonJs',
  'plugin',
]);

const copy = mkdtempSync(join(tmpdir(), 'tacit-arrows-'));
try {
  for (const path of ['src', 'scripts', 'biome.json', 'package.json', '.gitignore']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  const clean = reportedFiles();
  for (const path of clean)
    console.error(`the tree itself breaks an arrow: ${path} (npm run lint says where)`);

  const plants = plantAll();
  const reported = reportedFiles();
  const missed = plants.filter(({ path, forbidden }) => forbidden && !reported.has(path));
  const wrong = plants.filter(({ path, forbidden }) => !forbidden && reported.has(path));
  for (const { room, code } of missed) console.error(`not reported in ${room}: ${code.trim()}`);
  for (const { room, code } of wrong)
    console.error(`reported in ${room} though it is allowed: ${code.trim()}`);

  if (clean.size + missed.length + wrong.length > 0) process.exitCode = 1;
  else {
    const forbidden = plants.filter((plant) => plant.forbidden).length;
    console.log(
      `arrows hold: ${forbidden} planted bad imports all reported, ${plants.length - forbidden} good ones and the tree itself none`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** @returns {Set<string>} the files in the copy, as 'src/…', for which a rule of the arrows reports something */
function reportedFiles() {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const run = spawnSync(
    process.execPath,
    [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '--colors=off', 'src'],
    { cwd: copy, encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  if (!run.stdout.startsWith('{')) throw new Error(`biome gave no report: ${run.stderr}${run.stdout}`);
  const { diagnostics } = JSON.parse(run.stdout);
  const found = diagnostics.filter(({ category }) => arrowRules.has(category));
  return new Set(found.map(({ location }) => location.path));
}

function plantAll() {
  const plants = [];
  const plant = (room, code, forbidden) => {
    const path = `src/${room === '' ? '' : `${room}/`}planted-${plants.length}.ts`;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), code);
    plants.push({ path, room: room === '' ? 'an entry file' : room, code, forbidden });
  };

  for (const room of roomNames) {
    plant(room, importForms[0]('./neighbour.ts'), false);
    for (const target of targets) {
      if (target === room) continue;
      const specifier = specifierFrom(room, target);
      const forbidden = !rooms[room].includes(target);
      for (const form of importForms) plant(room, form(specifier), forbidden);
    }
    for (const code of alwaysForbidden) plant(room, code, true);
    for (const code of nodeOnly) plant(room, code, !usesNode.includes(room));
  }
  for (const target of targets) {
    const forbidden = !entryFiles.includes(target) && !['index.ts', 'engine.ts'].includes(target);
    for (const form of importForms) plant('', form(specifierFrom('', target)), forbidden);
  }
  for (const code of [...alwaysForbidden, ...nodeOnly]) plant('', code, true);
  return plants;
}

/** How a file in `src/<room>` names a target: a room's file, an entry file, a path out of src, or a package. */
function specifierFrom(room, target) {
  const isRoom = roomNames.includes(target);
  if (!isRoom && !/\.(ts|json)$/.test(target)) return target;
  const path = relative(joinPosix('src', room), joinPosix('src', target, isRoom ? 'planted.ts' : '.'));
  return path.startsWith('.') ? path : `./${path}`;
}
