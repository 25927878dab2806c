// A listener that is told what to do by the test that runs it as a process with few descriptors.

import { closeSync, openSync } from 'node:fs';
import type { TlsStream } from '../../src/index.ts';
import { listen } from '../../src/index.ts';

const files: number[] = [];
const errors: Error[] = [];
const accepted: TlsStream[] = [];

const listener = await listen({
  host: '127.0.0.1',
  identity: { cert: process.env['CERT'] ?? '', key: process.env['KEY'] ?? '' },
  onError: (error) => errors.push(error),
});

let onAccepted = (): void => {};

process.on('message', (what) => {
  void Promise.resolve(actions[String(what)]?.()).then((answer) => process.send?.(answer ?? {}));
});

const actions: Readonly<Record<string, () => object>> = {
  'say when the next one is accepted': () =>
    new Promise<void>((resolve) => {
      onAccepted = resolve;
    }),
  report: () => ({
    accepted: accepted.length,
    reports: errors.length,
    codes: [...new Set(errors.map((error) => (error as { code?: string }).code))],
  }),
  'open a file': () => {
    closeSync(openSync('/dev/null', 'r'));
    return { opened: true };
  },
  'take all descriptors': () => {
    try {
      for (;;) files.push(openSync('/dev/null', 'r'));
    } catch (error) {
      return { code: (error as { code?: string }).code };
    }
  },
  'give them back': () => {
    for (const file of files.splice(0)) closeSync(file);
    return {};
  },
  'drop the connections': () => {
    for (const stream of accepted) stream.destroy();
    return {};
  },
};

process.send?.({ port: listener.address.port });
for await (const stream of listener) {
  accepted.push(stream);
  onAccepted();
}
