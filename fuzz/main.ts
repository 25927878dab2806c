// `npm run fuzz -- TARGET SECONDS`; README.md says what else there is.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildTargets } from './engine/build.ts';
import type { Progress } from './engine/fuzzer.ts';
import { type Ending, fuzz } from './engine/session.ts';
import { isFound, readInputs, writeInput } from './files.ts';
import { peerFlights } from './peer-flights.ts';
import { type Planted, planted } from './planted.ts';
import { seeds } from './seeds.ts';
import { type TargetName, targetNames } from './target-names.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const out = join(root, 'fuzz/out');
/** What one target's part of the committed corpus may come to, bytes. */
const distilledBytes = 10_000;
/** How long a planted defect may stay unfound, seconds. */
const proofSeconds = 180;

const usage = `Usage: npm run fuzz -- TARGET SECONDS [--seed N] [--fresh] [--plant NAME]
       npm run fuzz -- TARGET --replay FILE
       npm run fuzz -- --prove [TARGET]
       npm run fuzz -- --distil TARGET
       npm run fuzz -- --seeds
       npm run fuzz -- --list
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    plant: { type: 'string' },
    replay: { type: 'string' },
    prove: { type: 'boolean', default: false },
    distil: { type: 'boolean', default: false },
    seeds: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);

/** @returns the exit status: 0 nothing was found, 1 something was, 2 a mistake in the arguments */
async function main(): Promise<number> {
  if (values.list) {
    for (const name of targetNames) console.log(name);
    return 0;
  }
  const [name, seconds] = positionals;
  const target = targetNames.find((one) => one === name);
  if (target === undefined && name !== undefined) {
    console.error(`'${name}' is no target, name one of: ${targetNames.join(', ')}`);
    return 2;
  }
  mkdirSync(out, { recursive: true });
  if (values.seeds) return makeSeeds();
  if (values.prove) return prove(planted.filter((one) => target === undefined || one.target === target));
  if (target !== undefined && values.replay !== undefined) return replay(target, values.replay);
  if (target !== undefined && values.distil) return distil(target);
  if (target === undefined || !(Number(seconds) > 0)) {
    console.error(usage);
    return 2;
  }
  const defect = planted.find(({ name }) => name === values.plant);
  if (values.plant !== undefined && defect === undefined) {
    console.error(`--plant takes one of: ${planted.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  return run(target, Number(seconds), defect);
}

async function run(target: TargetName, seconds: number, defect: Planted | undefined): Promise<number> {
  const kept = join(out, 'corpus', target);
  if (values.fresh) rmSync(kept, { recursive: true, force: true });
  const inputs = startingInputs(target);
  console.log(`${target}: ${inputs.length} inputs to begin with, seed ${seed}`);
  const onProgress = (progress: Progress): void => console.log(line(progress));
  const given = committedInputs(target).length;
  const ending = await session(target, inputs, { seconds, defect, given, onProgress });
  console.log(line(ending.progress));
  if (ending.kind === 'done') {
    for (const input of ending.inputs) writeInput(kept, input);
    return 0;
  }
  reportFinding(target, ending);
  return 1;
}

/** Bundles the targets and fuzzes one of them; without `seconds` it only tries the inputs. */
async function session(
  target: TargetName,
  inputs: readonly Uint8Array[],
  settings: {
    readonly seconds?: number;
    readonly defect?: Planted | undefined;
    readonly given?: number;
    readonly distil?: number;
    readonly onProgress?: (progress: Progress) => void;
  } = {},
): Promise<Ending> {
  const { seconds = 0, defect, given = 0, distil = 0, onProgress = () => {} } = settings;
  const built = await buildTargets(root, join(out, `targets-${process.pid}.mjs`), defect);
  try {
    return await fuzz(built, { target, seed, seconds, inputs, given, distil, onProgress });
  } finally {
    rmSync(built.file);
  }
}

function reportFinding(target: TargetName, { input, text }: Extract<Ending, { kind: 'found' }>): void {
  const path = relative(root, writeInput(join(out, 'findings', target), input));
  console.log(`\nFINDING (${input.length} bytes): ${text}\n`);
  console.log(`in ${path}; again: npm run fuzz -- ${target} --replay ${path}`);
  console.log(`Once it is mended it goes to fuzz/findings/${target}/, which the tests try.`);
}

/** Makes the seeds of the corpus anew, with the peers that are installed. */
async function makeSeeds(): Promise<number> {
  const all = await seeds(await peerFlights());
  for (const name of targetNames) {
    const directory = join(root, 'fuzz/corpus', name);
    for (const { path } of readInputs(directory)) if (!isFound(path)) rmSync(path);
    for (const [label, input] of Object.entries(all[name])) writeInput(directory, input, `seed ${label}`);
    console.log(`${name}: ${Object.keys(all[name]).length} seeds`);
  }
  return 0;
}

/** Tries one input. */
async function replay(target: TargetName, path: string): Promise<number> {
  const ending = await session(target, [new Uint8Array(readFileSync(join(root, path)))]);
  console.log(ending.kind === 'found' ? `FINDING: ${ending.text}` : 'no finding');
  return ending.kind === 'found' ? 1 : 0;
}

/** Replaces what the committed corpus has beside its seeds by a few inputs that reach as much as all that were found. */
async function distil(target: TargetName): Promise<number> {
  const directory = join(root, 'fuzz/corpus', target);
  const seeded = readInputs(directory).filter(({ path }) => !isFound(path));
  const inputs = [...seeded.map(({ input }) => input), ...startingInputs(target)];
  const ending = await session(target, inputs, { given: seeded.length, distil: distilledBytes });
  if (ending.kind === 'found') {
    reportFinding(target, ending);
    return 1;
  }
  for (const { path } of readInputs(directory)) if (isFound(path)) rmSync(path);
  for (const input of ending.inputs) writeInput(directory, input);
  console.log(`${target}: ${ending.inputs.length} inputs beside ${seeded.length} seeds`);
  return 0;
}

/** Shows that defects are found: each is put into a copy of the sources, and looked for from the committed corpus. */
async function prove(defects: readonly Planted[]): Promise<number> {
  let missed = 0;
  for (const defect of defects) {
    const { name, target } = defect;
    const inputs = committedInputs(target);
    const ending = await session(target, inputs, { seconds: proofSeconds, defect, given: inputs.length });
    const { executions, seconds } = ending.progress;
    const effort = `${seconds.toFixed(1)} s, ${executions} executions`;
    if (ending.kind === 'done') missed += 1;
    const verdict = ending.kind === 'found' ? `found after ${effort}` : `NOT FOUND in ${effort}`;
    console.log(`${target} / ${name}: ${verdict}`);
    if (ending.kind === 'found') console.log(`  ${ending.text.split('\n')[0]}`);
  }
  return missed === 0 ? 0 : 1;
}

function committedInputs(target: string): readonly Uint8Array[] {
  return ['corpus', 'findings']
    .flatMap((kind) => readInputs(join(root, 'fuzz', kind, target)))
    .map(({ input }) => input);
}

function startingInputs(target: string): readonly Uint8Array[] {
  const found = readInputs(join(out, 'corpus', target)).map(({ input }) => input);
  return [...committedInputs(target), ...found];
}

function line({ executions, seconds, features, branches, inputs }: Progress): string {
  const rate = Math.round(executions / Math.max(seconds, 0.001));
  return `${seconds.toFixed(0)} s: ${executions} executions (${rate}/s), ${branches} branches, ${features} features, ${inputs} inputs`;
}

process.exitCode = await main();
