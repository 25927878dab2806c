import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/**
 * A file of the published test data that may lie beside the repository, in `../shared/data`, parsed as JSON.
 *
 * @param name its path in there; `.gz` is unpacked
 * @returns undefined where it is absent: the tests that need it are then to be skipped by name
 */
export function sharedData(name: string): unknown {
  const file = sharedDataPath(name);
  if (!existsSync(file)) return undefined;
  const content = readFileSync(file);
  return JSON.parse((name.endsWith('.gz') ? gunzipSync(content) : content).toString('utf8'));
}

/** Where the published test data lies, if it does. */
export function sharedDataPath(name: string): URL {
  return new URL(`../../../shared/data/${name}`, import.meta.url);
}
