import { existsSync, readdirSync } from 'node:fs';
import { fromHex } from './hex.ts';
import { sharedData, sharedDataPath } from './shared-data.ts';

/** One case of Project Wycheproof: what it asks for, and whatever else its kind has, in hexadecimal. */
export interface WycheproofCase {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  /** 'acceptable' leaves it to the implementation. */
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly [field: string]: unknown;
}

export interface WycheproofGroup {
  readonly type: string;
  readonly tests: readonly WycheproofCase[];
  readonly [field: string]: unknown;
}

export interface WycheproofFile {
  readonly algorithm: string;
  readonly numberOfTests: number;
  readonly testGroups: readonly WycheproofGroup[];
}

const folder = 'wycheproof';
const ending = '_test.json.gz';

/** What there is for `wycheproof`; undefined where the published test data is absent. */
export function wycheproofNames(): readonly string[] | undefined {
  const path = sharedDataPath(folder);
  if (!existsSync(path)) return undefined;
  return readdirSync(path).map((name) => (name.endsWith(ending) ? name.slice(0, -ending.length) : name));
}

/**
 * @param name without the `_test` that all of them end with
 * @returns undefined where the published test data is absent
 */
export function wycheproof(name: string): WycheproofFile | undefined {
  return sharedData(`${folder}/${name}${ending}`) as WycheproofFile | undefined;
}

/** A field that holds hexadecimal. */
export function bytesOf(holder: WycheproofCase | WycheproofGroup, field: string): Uint8Array {
  const text = holder[field];
  if (typeof text !== 'string') throw new Error(`no ${field}`);
  return fromHex(text);
}
