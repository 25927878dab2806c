import type { Certificate } from './certificate.ts';

/** What is known of two certificates together: a search through many paths asks for the same again and again. */
export type KnownOfPairs<T> = Map<Certificate, Map<Certificate, T>>;

/** What is known of these two; found out where it is not. */
export function askedOnce<T>(known: KnownOfPairs<T>, one: Certificate, other: Certificate, find: () => T): T {
  let ofOne = known.get(one);
  if (ofOne === undefined) {
    ofOne = new Map();
    known.set(one, ofOne);
  }
  let found = ofOne.get(other);
  if (found === undefined) {
    found = find();
    ofOne.set(other, found);
  }
  return found;
}
