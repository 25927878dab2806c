import { build } from 'esbuild';

/**
 * Makes one JavaScript file of a program in TypeScript, which Node 20 does not run, with the sources that it imports.
 * @param {string} entryPoint
 * @param {string} outfile
 * @param {import('esbuild').BuildOptions} options what is special about it
 */
export async function bundle(entryPoint, outfile, options = {}) {
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    ...options,
  });
}
