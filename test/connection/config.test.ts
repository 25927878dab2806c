import { describe, expect, it } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import type { EndpointConfig } from '../../src/handshake/config.ts';
import { clientConfig, clientEndpoint, serverConfig, trustAll } from '../support/engine.ts';
import { helloOf } from '../support/hello.ts';

type CommonSettings = Pick<
  ClientSettings & ServerSettings,
  'minVersion' | 'maxVersion' | 'cipherSuites' | 'signatureSchemes'
>;

const tls13Suite = 'TLS_AES_256_GCM_SHA384';
const tls12Suite = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256';
const both = [tls12Suite, tls13Suite] as const;
const pkcs1 = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'];

const roles: Readonly<Record<string, (settings: CommonSettings) => Promise<EndpointConfig>>> = {
  client: async (settings) => clientConfig(settings),
  server: (settings) => serverConfig(settings),
};

/** The message of the TlsUsageError that the settings give. */
async function mistake(make: () => Promise<unknown> | unknown): Promise<string> {
  try {
    await make();
  } catch (error) {
    expect(error).toBeInstanceOf(TlsUsageError);
    return (error as Error).message;
  }
  throw new Error('the settings were taken');
}

describe.each(Object.entries(roles))('the versions of a %s', (_role, make) => {
  it('are both by default', async () => {
    expect(await make({})).toMatchObject({
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      requireExtendedMasterSecret: false,
    });
  });

  it.each<[CommonSettings, string, string]>([
    [{ minVersion: 'TLSv1.3' }, 'TLSv1.3', 'TLSv1.3'],
    [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.2'],
    [{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.2'],
    [{ minVersion: undefined, maxVersion: undefined }, 'TLSv1.2', 'TLSv1.3'],
    // A version without a cipher suite is not spoken.
    [{ cipherSuites: [tls13Suite] }, 'TLSv1.3', 'TLSv1.3'],
    [{ cipherSuites: [tls12Suite] }, 'TLSv1.2', 'TLSv1.2'],
    [{ cipherSuites: both }, 'TLSv1.2', 'TLSv1.3'],
    // A suite of another version than those does no harm.
    [{ cipherSuites: both, minVersion: 'TLSv1.3' }, 'TLSv1.3', 'TLSv1.3'],
    [{ cipherSuites: both, maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.2'],
  ])('%j: from %s to %s', async (settings, minVersion, maxVersion) => {
    expect(await make(settings)).toMatchObject({ minVersion, maxVersion });
  });

  it.each<[string, CommonSettings, RegExp]>([
    [
      'the lowest above the highest',
      { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' },
      /^minVersion TLSv1\.3 is above maxVersion TLSv1\.2$/,
    ],
    [
      'a version that there is not',
      { minVersion: 'TLSv1.1' as never },
      /^minVersion has 'TLSv1\.1'; known are/,
    ],
    ['a number', { maxVersion: 771 as never }, /^maxVersion has '771'; known are TLSv1\.2, TLSv1\.3/],
    ['the name of a property', { maxVersion: 'constructor' as never }, /^maxVersion has 'constructor'/],
    [
      'no cipher suite of 1.3',
      { minVersion: 'TLSv1.3', cipherSuites: [tls12Suite] },
      /^cipherSuites has none for TLSv1\.3$/,
    ],
    [
      'no cipher suite of 1.2',
      { maxVersion: 'TLSv1.2', cipherSuites: [tls13Suite] },
      /^cipherSuites has none for TLSv1\.2$/,
    ],
    ['no cipher suite at all', { cipherSuites: [] }, /^cipherSuites is empty$/],
  ])('%s is a mistake', async (_name, settings, message) => {
    expect(await mistake(() => make(settings))).toMatch(message);
  });
});

describe.each(Object.entries(roles))('the signature schemes of a %s', (_role, make) => {
  it('have those of PKCS#1, last, where TLS 1.2 is spoken', async () => {
    for (const settings of [{}, { maxVersion: 'TLSv1.2' }, { cipherSuites: both }] as const) {
      const { signatureSchemes } = await make(settings);
      expect(signatureSchemes.slice(-3)).toEqual(pkcs1);
      expect(signatureSchemes).toHaveLength(13);
    }
  });

  it('have none of them where it is not', async () => {
    for (const settings of [{ minVersion: 'TLSv1.3' }, { cipherSuites: [tls13Suite] }] as const) {
      const { signatureSchemes } = await make(settings);
      expect(signatureSchemes.filter((scheme) => pkcs1.includes(scheme))).toEqual([]);
      expect(signatureSchemes).toHaveLength(10);
    }
  });

  it('must not name any of them where it is not: they would sign nothing', async () => {
    const signatureSchemes = ['ed25519', 'rsa_pkcs1_sha384'] as const;
    expect((await make({ signatureSchemes })).signatureSchemes).toEqual(signatureSchemes);
    for (const settings of [{ minVersion: 'TLSv1.3' }, { cipherSuites: [tls13Suite] }] as const)
      expect(await mistake(() => make({ ...settings, signatureSchemes }))).toBe(
        "signatureSchemes has 'rsa_pkcs1_sha384', which signs handshakes in TLS 1.2 only",
      );
  });
});

it('a client that trusts raw public keys alone cannot speak TLS 1.2 alone', async () => {
  const trust = { ...trustAll, certificateTypes: ['RawPublicKey'] } as const;
  expect(clientConfig({ trust }).maxVersion).toBe('TLSv1.3');
  expect(await mistake(() => clientConfig({ trust, maxVersion: 'TLSv1.2' }))).toMatch(
    /certificateTypes has no X509/,
  );
});

describe('a ClientHello', () => {
  const offered = (settings: Partial<ClientSettings>): ReturnType<typeof helloOf> =>
    helloOf(clientEndpoint(clientConfig(settings)));

  it('has the suites of the versions that it offers, in the order of the configuration', () => {
    expect(offered({ cipherSuites: both }).cipherSuites).toEqual([0xc02f, 0x1302]);
    expect(offered({ cipherSuites: both, minVersion: 'TLSv1.3' }).cipherSuites).toEqual([0x1302]);
    expect(offered({ cipherSuites: both, maxVersion: 'TLSv1.2' }).cipherSuites).toEqual([0xc02f]);
    expect(offered({}).cipherSuites).toEqual([
      ...[0x1301, 0x1302, 0x1303],
      ...[0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8],
    ]);
  });

  it('has both versions’ extensions where it offers both', () => {
    const { extensions } = offered({});
    expect(extensions).toMatchObject({
      supported_versions: [0x0304, 0x0303],
      ec_point_formats: [0],
      extended_master_secret: true,
      renegotiation_info: new Uint8Array(0),
      session_ticket: new Uint8Array(0),
      record_size_limit: 16_385,
    });
    expect(extensions.key_share).toHaveLength(1);
  });

  it('of TLS 1.2 alone has nothing of 1.3', () => {
    const { extensions, legacySessionId, legacyVersion } = offered({
      maxVersion: 'TLSv1.2',
      ticketRequest: { newSession: 1, resumption: 1 },
      certificateCompression: ['zlib'],
    });
    // server_name, groups, point formats, schemes twice, record_size_limit, EMS, renegotiation_info, session_ticket.
    expect([...(extensions.order ?? [])].sort((a, b) => a - b)).toEqual([
      0, 10, 11, 13, 23, 28, 35, 50, 0xff01,
    ]);
    // No byte of it is for a type of content.
    expect(extensions.record_size_limit).toBe(16_384);
    expect(legacySessionId).toHaveLength(0);
    expect(legacyVersion).toBe(0x0303);
  });

  it('asks for no ticket of TLS 1.2 where sessions are not kept', () => {
    expect(offered({ sessions: false }).extensions.session_ticket).toBeUndefined();
    expect(offered({ sessions: false }).extensions.extended_master_secret).toBe(true);
  });
});
