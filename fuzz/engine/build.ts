import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { instrument } from './instrument.ts';

/** A defect that is put into a source when it is bundled, to see that it is found. */
export interface Defect {
  /** The source, from the top of the repository. */
  readonly file: string;
  /** What is there, exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Built {
  readonly file: string;
  readonly counters: number;
}

/** Bundles all targets with the sources that they try, and instruments the latter. */
export async function buildTargets(root: string, out: string, defect: Defect | undefined): Promise<Built> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'fuzz/engine/start.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // CommonJS libraries stay outside; so does what instruments, which no target needs.
    packages: 'external',
    plugins: defect ? [planting(root, defect)] : [],
    logLevel: 'warning',
  });
  const { code, counters } = instrument(outputFiles[0]!.text, (path) => path.startsWith('src/'));
  writeFileSync(out, code);
  return { file: out, counters };
}

/** @throws where the defect has no place, or several */
export function plant(source: string, { file, find, replace }: Defect): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for the defect, not one`);
  return parts.join(replace);
}

function planting(root: string, defect: Defect): Plugin {
  return {
    name: 'defect',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(root, defect.file)) return undefined;
        return { contents: plant(readFileSync(path, 'utf8'), defect), loader: 'ts' };
      });
    },
  };
}
