/** What can be fuzzed; `targets.ts` loads it. */
export const targetNames = [
  'records',
  'messages',
  'client-flight',
  'server-flight',
  'tickets',
  'certificate',
  'chain',
  'crl',
  'ocsp',
  'pem',
  'arguments',
] as const;

export type TargetName = (typeof targetNames)[number];
