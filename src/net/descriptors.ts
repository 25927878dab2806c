import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/**
 * Descriptors that a listener leaves to the rest of the process: for files, lookups and the like. And where none is
 * left for a connection, libuv accepts it and closes it at once without telling anybody, so we have to stop before.
 */
export const reservedDescriptors: number = 8;

/**
 * How many descriptors this process may have; Infinity where the system does not say (it is asked on Linux only).
 * One that is raised while the process runs is not noticed.
 */
export function descriptorLimit(): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether `socket` has one of the last descriptors: the system gives the lowest free number, so all below are in use. */
export function hasLastDescriptor(socket: Socket, limit: number): boolean {
  // Node has no public way to the number; where it is missing, nothing is known.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= limit - reservedDescriptors;
}
