/** What can be fuzzed; `targets.ts` loads it. */
export const targetNames = ['records', 'messages', 'client-flight', 'server-flight'] as const;

export type TargetName = (typeof targetNames)[number];
