import type { TlsOptions } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { type ContextMaterial, SecureContext } from './secure-context.ts';
import { requireType } from './validation.ts';

type SniCallback = TlsOptions['SNICallback'] | null;

/** @throws Error (`ERR_INVALID_ARG_TYPE`) for what cannot be called */
export function requireSniCallback(callback: unknown): void {
  if (callback) requireType('options.SNICallback', callback, 'function');
}

/** What `SNICallback` gives for a name; undefined: the server's own. */
export function contextOf(serverName: string, callback: SniCallback): Promise<ContextMaterial | undefined> {
  return new Promise((resolve, reject) => {
    callback?.(serverName, (error, context) => {
      if (error) reject(error);
      else if (context === undefined || context === null) resolve(undefined);
      else if (context instanceof SecureContext) resolve(context.context);
      else reject(new TlsUsageError('SNICallback gave no context of createSecureContext of this module'));
    });
  });
}
