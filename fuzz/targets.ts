import type { Target } from './engine/target.ts';
import type { TargetName } from './target-names.ts';
import { commandLine } from './targets/arguments.ts';
import { certificate } from './targets/certificate.ts';
import { chain } from './targets/chain.ts';
import { crl } from './targets/crl.ts';
import { flights } from './targets/flights.ts';
import { messages } from './targets/messages.ts';
import { ocsp } from './targets/ocsp.ts';
import { pem } from './targets/pem.ts';
import { records } from './targets/records.ts';
import { tickets } from './targets/tickets.ts';

/** Makes the targets ready; some have to make keys and certificates first. */
export const targets: Readonly<Record<TargetName, () => Promise<Target>>> = {
  records,
  messages: async () => messages,
  'client-flight': () => flights('client'),
  'server-flight': () => flights('server'),
  tickets: async () => tickets(),
  certificate: async () => certificate,
  chain: async () => chain,
  crl: async () => crl,
  ocsp: async () => ocsp,
  pem: async () => pem,
  arguments: async () => commandLine,
};
