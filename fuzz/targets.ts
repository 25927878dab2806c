import type { Target } from './engine/target.ts';
import type { TargetName } from './target-names.ts';
import { flights } from './targets/flights.ts';
import { messages } from './targets/messages.ts';
import { records } from './targets/records.ts';

/** Makes the targets ready; some have to make keys and certificates first. */
export const targets: Readonly<Record<TargetName, () => Promise<Target>>> = {
  records,
  messages: async () => messages,
  'client-flight': () => flights('client'),
  'server-flight': () => flights('server'),
};
