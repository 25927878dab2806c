import type { SecureContextOptions } from 'node:tls';
import { createSecureContext, foreignContext, SecureContext } from './secure-context.ts';

type Maker = { readonly createSecureContext: (options: SecureContextOptions) => unknown };

/** Where programs find `createSecureContext`. */
const exported: Maker[] = [];

/** Packages put a function of theirs into `exports`, which adds authorities to each context that is made (`addCACert`). */
export function exportContexts(exports: object): void {
  exported.push(exports as Maker);
}

/**
 * The context that `options` bring, or one of what they say themselves, made by the `createSecureContext` that is exported
 * now, as in Node.
 * @throws Error (`ERR_TLS_INVALID_CONTEXT`) for one of `node:tls`, whose authorities and keys would not count
 */
export function contextFrom(
  options: SecureContextOptions & { readonly secureContext?: unknown },
): SecureContext {
  const { secureContext: given } = options;
  return given ? requireContext(given, 'options.secureContext') : newContext(options);
}

/** A context of `options`, or `options` themselves where they are one. */
export function asContext(options: SecureContextOptions | SecureContext): SecureContext {
  return options instanceof SecureContext ? options : newContext(options);
}

/** As `contextFrom`, of options alone. */
export function newContext(options: SecureContextOptions): SecureContext {
  const replaced = exported.find((exports) => exports.createSecureContext !== createSecureContext);
  if (replaced === undefined) return createSecureContext(options);
  return requireContext(replaced.createSecureContext(options), 'what createSecureContext returns');
}

function requireContext(given: unknown, name: string): SecureContext {
  if (given instanceof SecureContext) return given;
  throw foreignContext(name);
}
