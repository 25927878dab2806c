// The licence texts of the libraries that the command line's bundle contains.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} root the repository
 * @param {readonly string[]} inputs bundled files, relative to `root`, as esbuild's metafile lists them
 * @returns {string[]} the package directories they come from, sorted
 */
export function bundledPackages(root, inputs) {
  const directories = new Set();
  for (const input of inputs) {
    const match = /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match !== null) directories.add(join(root, match[1]));
  }
  return [...directories].sort();
}

/**
 * @param {readonly string[]} directories package directories
 * @returns {string} one text with the name, version, licence and notices of each
 * @throws {Error} if one of them ships no licence text: then we may not ship its code
 */
export function licenceTexts(directories) {
  const sections = directories.map((directory) => {
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    const files = readdirSync(directory).filter((file) =>
      /^(licen[cs]e|copying|notice|copyright)/i.test(file),
    );
    if (!files.some((file) => /^(licen[cs]e|copying)/i.test(file))) {
      throw new Error(
        `${name}@${version} is bundled but holds no licence text (package.json says ${license})`,
      );
    }
    const texts = files.sort().map((file) => readFileSync(join(directory, file), 'utf8').trim());
    return [`${name} ${version} (${license})`, ...texts].join('\n\n');
  });
  const intro = 'dist/cli/main.js contains code of the packages below, under these licences.';
  return `${[intro, ...sections].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
