import type { TlsOptions } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { type ContextMaterial, isMaterial } from './secure-context.ts';
import { requireType } from './validation.ts';

type SniCallback = TlsOptions['SNICallback'] | null;

/** @throws Error (`ERR_INVALID_ARG_TYPE`) for what cannot be called */
export function requireSniCallback(callback: unknown): void {
  if (callback) requireType('options.SNICallback', callback, 'function');
}

function notOurs(): Error {
  return new TlsUsageError('SNICallback has to give a context of the createSecureContext of tacit-tls/node');
}

/** What `SNICallback` gives for a name; undefined: the server's own. */
export function contextOf(serverName: string, callback: SniCallback): Promise<ContextMaterial | undefined> {
  return new Promise((resolve, reject) => {
    callback?.(serverName, (error, given) => {
      // Many a program gives what a context has as `context`, as was right in Node once.
      const { context = given } = (given ?? {}) as { readonly context?: unknown };
      if (error) reject(error);
      else if (!context) resolve(undefined);
      else if (isMaterial(context)) resolve(context);
      else reject(new TypeError('Invalid SNI context', { cause: notOurs() }));
    });
  });
}
