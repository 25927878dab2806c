import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Answer, playOnModel, randomScript, type Step } from './tcp-scripts.ts';

const hasOracle = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;
const oracle = fileURLToPath(new URL('tcp-oracle.py', import.meta.url));

async function playOnKernel(scripts: readonly (readonly Step[])[]): Promise<readonly (readonly Answer[])[]> {
  const python = spawn('python3', ['-I', oracle], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [output] = await Promise.all([
    text(python.stdout),
    once(python, 'close'),
    python.stdin.end(JSON.stringify(scripts)),
  ]);
  return JSON.parse(output);
}

test.skipIf(!hasOracle)(
  'the TCP model gives what the kernel gives: 300 random scripts of raw calls on a loopback connection (needs Linux and python3)',
  { timeout: 120_000 },
  async () => {
    const scripts = Array.from({ length: 300 }, (_, seed) => randomScript(seed));
    const fromKernel = await playOnKernel(scripts);
    const seen = new Set<Answer>();
    for (const [seed, script] of scripts.entries()) {
      const { answers, pair } = await playOnModel(script);
      const steps = script.map((step, i) => ({ step: step.join(' '), gave: answers[i] }));
      const expected = script.map((step, i) => ({ step: step.join(' '), gave: fromKernel[seed]?.[i] }));
      expect(steps, `script ${seed}\n${pair.trace}`).toEqual(expected);
      for (const answer of answers)
        seen.add(typeof answer === 'number' ? 'bytes' : (answer.split(' ').at(-1) ?? ''));
    }
    expect([...seen].toSorted()).toEqual(['ECONNRESET', 'ENOTCONN', 'EPIPE', 'bytes', 'end', 'ok', 'wait']);
  },
);
