import type { PeerFlights } from './seeds.ts';

export async function peerFlights(): Promise<Readonly<Record<'client' | 'server', PeerFlights>>> {
  return { client: {}, server: {} };
}
