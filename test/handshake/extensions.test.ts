import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import type { ClientSettings } from '../../src/connection/config.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { RawExtension } from '../../src/wire/extensions.ts';
import {
  type CertificateEntry,
  decodeCertificate,
  decodeEncryptedExtensions,
  encodeCertificate,
  encodeEncryptedExtensions,
} from '../../src/wire/messages.ts';
import { clientConfig, clientEndpoint, clientIdentity, serverConfig } from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  type Edit,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
  withHeader,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';
import { extensionBlock, messageBodies } from '../support/messages.ts';

let config: ServerConfig;

beforeAll(async () => {
  config = await serverConfig();
});

/** EncryptedExtensions with these extensions and nothing else. */
function sends(...extensions: Parameters<typeof extensionBlock>[0]): Edit {
  return () => withHeader('encrypted_extensions', messageBodies.EE(extensionBlock(extensions)));
}

function outcomeWith(edit: Edit, settings: Partial<ClientSettings> = {}): ReturnType<typeof outcomeOf> {
  const client = clientEndpoint(clientConfig(settings));
  return outcomeOf(client, alteringServer(config, 'encrypted_extensions', edit));
}

describe('EncryptedExtensions', () => {
  it.each([
    ['max_fragment_length', 1, '01'],
    ['application_layer_protocol_negotiation', 16, '0003 02 6832'],
    ['early_data', 42, ''],
    ['ticket_request', 58, '01'],
    ['one that is unknown', 0x3a3a, ''],
    ['signed_certificate_timestamp', 18, ''],
    ['heartbeat', 15, '01'],
  ])('with %s, which was not asked for, are an unsupported_extension', (_, code, data) => {
    expect(outcomeWith(sends([code, fromHex(data)]))).toEqual(refusedByClient('unsupported_extension'));
  });

  it.each([
    ['signature_algorithms', 13, '0002 0403'],
    ['padding', 21, '00'],
    ['pre_shared_key', 41, '0000'],
    ['supported_versions', 43, '0304'],
    ['cookie', 44, '0001 aa'],
    ['psk_key_exchange_modes', 45, '01 01'],
    ['certificate_authorities', 47, '0003 0001 61'],
    ['post_handshake_auth', 49, ''],
    ['signature_algorithms_cert', 50, '0002 0403'],
    ['key_share', 51, '001d'],
    ['status_request', 5, '01 000001 aa'],
  ])('with %s, which has no place there, are an illegal_parameter', (_, code, data) => {
    expect(outcomeWith(sends([code, fromHex(data)]))).toEqual(refusedByClient('illegal_parameter'));
  });

  it('with a duplicate are an illegal_parameter', () => {
    const groups = [10, fromHex('0002 001d')] as const;
    expect(outcomeWith(sends(groups, groups))).toEqual(refusedByClient('illegal_parameter'));
  });

  it('with content in server_name are a decode_error', () => {
    expect(outcomeWith(sends([0, fromHex('00')]))).toEqual(refusedByClient('decode_error'));
  });

  it('with server_name are an unsupported_extension for a client that sent none', () => {
    expect(outcomeWith(sends([0, noBytes]))).toEqual(bothDone);
    const nameless = clientOf(clientConfig(), { host: '127.0.0.1' });
    const server = alteringServer(config, 'encrypted_extensions', sends([0, noBytes]));
    expect(outcomeOf(nameless, server)).toEqual(refusedByClient('unsupported_extension'));
  });

  it('may have none, or supported_groups, which say nothing for this connection', () => {
    expect(outcomeWith(sends())).toEqual(bothDone);
    expect(outcomeWith(sends([10, fromHex('0004 001e 3a3a')]))).toEqual(bothDone);
  });

  it('are needed: Certificate in their place is an unexpected_message', () => {
    expect(outcomeWith(() => [])).toEqual(refusedByClient('unexpected_message'));
  });

  it('come once', () => {
    expect(outcomeWith((message) => [message, message])).toEqual(refusedByClient('unexpected_message'));
  });

  it('of our server say nothing that the client did not ask for', () => {
    let sent = {};
    const edit: Edit = (message) => {
      sent = decodeEncryptedExtensions(message.subarray(4));
      return encodeEncryptedExtensions(decodeEncryptedExtensions(message.subarray(4)));
    };
    expect(outcomeWith(edit, { recordSizeLimit: 1000 })).toEqual(bothDone);
    expect(sent).toMatchObject({ order: [0, 28] });
  });
});

/** A Certificate whose first entry has these extensions. */
function withEntryExtensions(...others: readonly RawExtension[]): Edit {
  return (message) => {
    const { context, entries } = decodeCertificate(message.subarray(4));
    const order = others.map(({ code }) => code);
    const [first, ...rest] = entries as [CertificateEntry, ...CertificateEntry[]];
    return encodeCertificate({
      context,
      entries: [{ certificate: first.certificate, extensions: { others, order } }, ...rest],
    });
  };
}

describe('extensions of certificates', () => {
  const cases = [
    ['timestamps, which were not asked for', 'unsupported_extension', [{ code: 18, data: fromHex('00') }]],
    ['an unknown one', 'unsupported_extension', [{ code: 0x3a3a, data: noBytes }]],
    ['key_share, which has no place there', 'illegal_parameter', [{ code: 51, data: noBytes }]],
    [
      'a duplicate',
      'illegal_parameter',
      [
        { code: 18, data: noBytes },
        { code: 18, data: noBytes },
      ],
    ],
  ] as const;

  it.each(cases)('of the server with %s: %s', (_, alert, others) => {
    const server = serverOf(config, altering('certificate', withEntryExtensions(...others)));
    expect(outcomeOf(clientEndpoint(clientConfig()), server)).toEqual(refusedByClient(alert));
  });

  it.each(cases)('of the client with %s: %s', async (_, alert, others) => {
    const client = clientEndpoint(
      clientConfig({ identity: await clientIdentity() }),
      altering('certificate', withEntryExtensions(...others)),
    );
    const server = serverOf(await serverConfig({ clientAuthentication: 'require' }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer(alert));
  });
});
