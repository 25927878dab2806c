import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { TlsUsageError } from '../base/errors.ts';
import { BrokenError } from '../streams/errors.ts';

/** An IP address and its family. */
export interface IpAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * All addresses of a host, in the order of the resolver, each once. An address is its own.
 *
 * @param lookup of Node's signature; it may also answer with one address. The system's way by default
 * @throws BrokenError where the name has no address, with the resolver's `code` (`ENOTFOUND`); TlsUsageError where
 *   `lookup` gives something that is no address
 */
export async function addressesOf(
  host: string,
  lookup: LookupFunction = systemLookup,
): Promise<readonly IpAddress[]> {
  if (isIP(host) !== 0) return [ipAddress(host)];
  let answer: readonly LookupAddress[];
  try {
    answer = await ask(host, lookup);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokenError(`No address was found for ${host}: ${reason}`, { cause });
  }
  const addresses = new Map(answer.map(({ address }) => [address, ipAddress(address)]));
  if (addresses.size === 0) throw new BrokenError(`No address was found for ${host}`);
  return [...addresses.values()];
}

/** An address with its port, as in a URL: IPv6 in brackets. */
export function formatPlace(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** @throws TlsUsageError where `port` is none */
export function requirePort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new TlsUsageError(`port: expected a whole number from 0 to 65 535, got ${port}`);
}

function ask(host: string, lookup: LookupFunction): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    // The resolver's order says which addresses are worth trying first (RFC 6724); Node would put IPv4 in front.
    lookup(host, { all: true, verbatim: true }, (error, found, family = 0) => {
      if (error) reject(error);
      else resolve(typeof found === 'string' ? [{ address: found, family }] : found);
    });
  });
}

/** Its family is read from the address: what a resolver says about it may be wrong. */
function ipAddress(address: string): IpAddress {
  const family = isIP(address);
  if (family === 4 || family === 6) return { address, family };
  throw new TlsUsageError(`lookup: expected an IP address, got ${JSON.stringify(address)}`);
}
