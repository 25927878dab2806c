import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import type { Endpoint, Facts, LibraryMaker } from './endpoint.ts';
import { libraries } from './play.ts';
import { tacit } from './tacit.ts';

/** A library that is wrong: enough of what it does differently has to be noticed, and not explained away. */
const wrong: Readonly<Record<string, (own: Endpoint) => Partial<Endpoint>>> = {
  'never resumes': (own) => telling(own, { resumed: false }),
  'always resumes': (own) => telling(own, { resumed: true }),
  'has no ALPN': (own) => telling(own, { alpn: undefined }),
  'has another suite': (own) => telling(own, { suite: 'TLS_AES_128_CCM_SHA256' }),
  'has another group': (own) => telling(own, { group: 'secp521r1' }),
  'hears no server_name': (own) => telling(own, { serverName: undefined }),
  'knows no certificate': (own) => telling(own, { peer: undefined }),
  'exports something else': (own) => telling(own, { exporter: '00' }),
  'alters a byte': (own) => ({
    async read(): Promise<Uint8Array | undefined> {
      return (await own.read())?.map((byte) => byte ^ 1);
    },
  }),
  'takes a cut for an end': (own) => ({ read: () => own.read().catch(() => undefined) }),
  'does not end': (own) => ({
    async endWriting(): Promise<void> {
      own.destroy();
    },
  }),
};

test.each(Object.entries(wrong))(
  'a library that %s is found out',
  { timeout: 120_000 },
  async (_, change) => {
    const liar: LibraryMaker = (records) => {
      const library = tacit(records);
      return {
        name: 'tacit',
        client: async (...of) => changed(await library.client(...of), change),
        server: async (...of) => changed(await library.server(...of), change),
      };
    };
    const { unexplained } = await campaign(1, 25, { ...libraries, tacit: liar });
    expect(unexplained.length).toBeGreaterThan(0);
  },
);

function changed(own: Endpoint, change: (typeof wrong)[string]): Endpoint {
  return Object.assign(Object.create(own) as Endpoint, change(own));
}

function telling(own: Endpoint, facts: Partial<Facts>): Partial<Endpoint> {
  return { handshake: async () => ({ ...(await own.handshake()), ...facts }) };
}
