import { sharedData } from './shared-data.ts';

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
  readonly tests: readonly WycheproofCase[];
  readonly [field: string]: unknown;
}

export interface WycheproofFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly WycheproofGroup[];
}

/**
 * @param name without the `_test` that all of them end with
 * @returns undefined where the published test data is absent
 */
export function wycheproof(name: string): WycheproofFile | undefined {
  return sharedData(`wycheproof/${name}_test.json.gz`) as WycheproofFile | undefined;
}
