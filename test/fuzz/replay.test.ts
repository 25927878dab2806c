import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../fuzz/engine/fuzzer.ts';
import type { Target } from '../../fuzz/engine/target.ts';
import { readInputs } from '../../fuzz/files.ts';
import { type TargetName, targetNames } from '../../fuzz/target-names.ts';
import { targets } from '../../fuzz/targets.ts';

function inputsOf(kind: 'corpus' | 'findings', name: TargetName): ReturnType<typeof readInputs> {
  return readInputs(fileURLToPath(new URL(`../../fuzz/${kind}/${name}`, import.meta.url)));
}

describe.each(targetNames)('%s', (name) => {
  let target: Target;

  beforeAll(async () => {
    target = await targets[name]();
  });

  const findings = inputsOf('findings', name);

  it.each(findings.map((file) => [basename(file.path), file] as const))(
    'bears what once was a finding: %s',
    async (_, { input }) => {
      expect(await outcomeOf(target, input, target.maxTime)).toBeUndefined();
    },
  );

  it('bears its corpus', async () => {
    const corpus = inputsOf('corpus', name);
    expect(corpus.length).toBeGreaterThan(3);
    for (const { path, input } of corpus) {
      // Several times as long: nothing is compiled yet, and other tests run meanwhile.
      expect(await outcomeOf(target, input, target.maxTime * 5), path).toBeUndefined();
    }
  });
});
