// Runs Node's own tests of `tls` twice, with Node's and with the built face in its place, and lists the tests that only
// the first one passes; with --faces, those of `https` and `http2` with their faces. The tests are Node's and stay outside: CONTRIBUTING.md says how to get them.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `npm run test:node-suite -- DIR [options]

DIR                 a checkout of Node's \`test\` folder (parallel, common, fixtures)
--faces             with the faces of \`https\` and \`http2\` in their place, too
--pattern REGEXP    which files of \`parallel\`; ^test-tls- by default, with --faces ^test-(https|http2)-
--jobs NUMBER       how many at a time; by default as many as there are processors
--timeout SECONDS   how long one may take; 20 by default
--verbose           the whole output of each test that only plain Node passes
`;

const register = fileURLToPath(new URL('../dist/node-register.js', import.meta.url));

const faces = fileURLToPath(new URL('node-suite-faces.mjs', import.meta.url));

const { directory, pattern, jobs, timeout, isVerbose, preload } = readArguments();
const scratch = mkdtempSync(join(tmpdir(), 'node-suite-'));
try {
  const files = readdirSync(join(directory, 'parallel'))
    .filter((name) => /\.m?js$/.test(name) && pattern.test(name))
    .sort();
  const plain = await runAll(files, []);
  const replaced = await runAll(files, ['--require', preload]);
  report(files, plain, replaced);
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      faces: { type: 'boolean', default: false },
      pattern: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      timeout: { type: 'string', default: '20' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const [first] = positionals;
  if (first === undefined || positionals.length > 1) stop(usage);
  const directory = resolve(first);
  for (const part of ['parallel', 'common', 'fixtures'])
    if (!existsSync(join(directory, part))) stop(`${directory} has no folder \`${part}\`\n\n${usage}`);
  if (!existsSync(register)) stop(`${register} is not there: npm run build\n`);
  const [jobs, timeout] = [Number(values.jobs), Number(values.timeout)];
  if (!(jobs >= 1 && timeout > 0)) stop(usage);
  const pattern = new RegExp(values.pattern ?? (values.faces ? '^test-(https|http2)-' : '^test-tls-'));
  const preload = values.faces ? faces : register;
  return { directory, pattern, jobs, timeout, isVerbose: values.verbose, preload };
}

/** @returns what became of each, by its name */
async function runAll(files, flags) {
  const outcomes = new Map();
  const queue = [...files];
  const worker = async (slot) => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift())
      outcomes.set(name, await runOne(name, flags, slot));
  };
  await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, (_, slot) => worker(slot)));
  return outcomes;
}

/** @param slot keeps apart the ports and the scratch folders of tests that run at the same time */
function runOne(name, flags, slot) {
  const path = join(directory, 'parallel', name);
  const own = /^\/\/ Flags:(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1].trim().split(/\s+/) ?? [];
  const folder = join(scratch, String(slot));
  mkdirSync(folder, { recursive: true });
  const child = spawn(process.execPath, [...own, ...flags, path], {
    cwd: directory,
    // With a group of its own, what it has started ends with it.
    detached: true,
    env: {
      ...process.env,
      NODE_TEST_KNOWN_GLOBALS: '0',
      NODE_TEST_DIR: folder,
      TEST_THREAD_ID: String(slot),
      TEST_COMMON_PORT: String(12_346 + slot * 100),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      if (output.length < 1_000_000) output += text;
    });
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(child.pid);
  }, timeout * 1000);
  return new Promise((settle) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const isSkipped = code === 0 && output.includes('1..0 # Skipped');
      const why = isLate ? `still running after ${timeout} s` : firstError(output, code ?? signal);
      settle({ isPassed: code === 0 && !isSkipped, isSkipped, why, output });
    });
    // What it has started may hold its output open.
    child.on('exit', () => endGroup(child.pid));
  });
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // There is none left.
  }
}

function firstError(output, code) {
  const lines = output.split('\n');
  const start = lines.findIndex((line) => /^\S*(Error|Exception)\b.*:/.test(line.trim()));
  if (start === -1) return `exit ${code}: ${lines.find((line) => line.trim() !== '') ?? ''}`;
  const [first, ...rest] = lines.slice(start);
  // What was expected stands below.
  const detail = first.trim().endsWith(':') ? rest.filter((line) => line.trim() !== '').slice(0, 2) : [];
  return [first, ...detail]
    .map((line) => line.trim())
    .join(' ')
    .slice(0, 200);
}

function report(files, plain, replaced) {
  const count = (outcomes, field) => [...outcomes.values()].filter((outcome) => outcome[field]).length;
  console.log(`Node ${process.versions.node}, ${files.length} files of ${directory}`);
  for (const [label, outcomes] of [
    ['plain', plain],
    ['tacit-tls/node', replaced],
  ])
    console.log(`${label}: ${count(outcomes, 'isPassed')} pass, ${count(outcomes, 'isSkipped')} skipped`);
  const lost = files.filter((name) => plain.get(name).isPassed && !replaced.get(name).isPassed);
  console.log(`\nplain Node passes and the face does not: ${lost.length}`);
  for (const name of lost) {
    const { why, output } = replaced.get(name);
    console.log(`  ${name} | ${why}`);
    if (isVerbose) console.log(output.replaceAll(/^/gm, '    '));
  }
}

function stop(message) {
  process.stderr.write(message);
  process.exit(2);
}
