import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import type { ClientHello } from '../../src/wire/hello.ts';
import {
  decodeCertificateRequest,
  decodeNewSessionTicket,
  encodeCertificateRequest,
  encodeNewSessionTicket,
} from '../../src/wire/messages.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  pump,
  serverConfig,
  summary,
} from '../support/engine.ts';
import { alteringServer, bothDone, clientOf, connect, outcomeOf, serverOf } from '../support/handshake.ts';
import { clientWithHello } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';
import { newSessionTicket, RawPeer } from '../support/raw-peer.ts';

/** RFC 8701 §2: values that nobody may choke on. */
const values = Array.from({ length: 16 }, (_, index) => index * 0x1010 + 0x0a0a);
const modes = [0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4];

/** GREASE in front of and behind every list, two unknown extensions around the others. */
function greased(hello: ClientHello, value: number): ClientHello {
  const { extensions } = hello;
  const around = (list: readonly number[] = []): number[] => [value, ...list, value];
  return {
    ...hello,
    cipherSuites: around(hello.cipherSuites),
    extensions: {
      ...extensions,
      supported_versions: around(extensions.supported_versions),
      supported_groups: [value, ...(extensions.supported_groups ?? [])],
      signature_algorithms: around(extensions.signature_algorithms),
      signature_algorithms_cert: around(extensions.signature_algorithms_cert),
      psk_key_exchange_modes: [...modes, 1],
      application_layer_protocol_negotiation: ['\x0a\x0a', 'h2'],
      key_share: [{ group: value, keyExchange: fromHex('00') }, ...(extensions.key_share ?? [])],
      certificate_authorities: [fromHex('3000')],
      others: [
        { code: value, data: noBytes },
        { code: (value + 0x1010) % 0x10000, data: fromHex('00') },
      ],
    },
  };
}

describe('a server tolerates GREASE (RFC 8701) in every list of a ClientHello', () => {
  it.each(values)('of the value %i', async (value) => {
    const client = clientWithHello(clientConfig({ alpnProtocols: ['h2'] }), (hello) => greased(hello, value));
    const server = serverOf(await serverConfig({ alpnProtocols: ['h2'] }));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(server.info).toMatchObject({
      cipherSuite: 'TLS_AES_128_GCM_SHA256',
      group: 'x25519',
      alpnProtocol: 'h2',
    });
  });

  it('and asks such a client again', async () => {
    const client = clientWithHello(clientConfig(), (hello) => ({ ...greased(hello, 0x2a2a) }));
    const server = serverOf(await serverConfig({ groups: ['secp384r1'] }));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(server.info).toMatchObject({ group: 'secp384r1', helloRetryRequest: true });
  });

  it('and resumes its sessions', async () => {
    const config = clientConfig();
    const server = await serverConfig();
    const client = (): ReturnType<typeof clientWithHello> =>
      clientWithHello(config, (hello) => greased(hello, 0x3a3a));
    connect(client(), serverOf(server));
    const again = client();
    expect(outcomeOf(again, serverOf(server))).toEqual(bothDone);
    expect(again.info.resumed).toBe(true);
  });

  it('and extensions that it does not know, as large as they come', async () => {
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, others: [{ code: 0xffff, data: new Uint8Array(60_000) }] },
    }));
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(bothDone);
  });
});

describe('a client tolerates', () => {
  it('unknown extensions and signature algorithms in a CertificateRequest', async () => {
    const identity = await clientIdentity();
    const config = await serverConfig({ clientAuthentication: 'require' });
    const server = alteringServer(config, 'certificate_request', (message) => {
      const { context, extensions } = decodeCertificateRequest(message.subarray(4));
      const { order, ...known } = extensions;
      const signature_algorithms = [0x3a3a, ...(known.signature_algorithms ?? []), 0x4a4a];
      const others = [
        { code: 0x3a3a, data: fromHex('00') },
        { code: 5, data: noBytes },
        { code: 48, data: fromHex('0000') },
      ];
      return encodeCertificateRequest({ context, extensions: { ...known, signature_algorithms, others } });
    });
    const client = clientOf(clientConfig({ identity }));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual(identity.chain);
  });

  it('unknown extensions in a NewSessionTicket, and resumes with it', async () => {
    const client = clientEndpoint(clientConfig());
    pump({ client, server: serverOf(await serverConfig()) });
    const ticket = decodeNewSessionTicket(newSessionTicket().subarray(4));
    const others = [
      { code: 0x3a3a, data: fromHex('00') },
      { code: 0xffff, data: noBytes },
    ];
    const raw = new RawPeer(client);
    const extensions = { early_data: 16_384, others };
    const turn = raw.deliver(raw.handshake(encodeNewSessionTicket({ ...ticket, extensions })));
    expect(summary(turn.events)).toEqual(['session']);
  });

  it('but no GREASE in what answers it: a server chooses, and that is a choice not offered', async () => {
    const client = clientOf(clientConfig());
    const server = alteringServer(await serverConfig(), 'server_hello', (message) => {
      const changed = message.slice();
      changed.set(fromHex('3a3a'), 71);
      return changed;
    });
    expect(outcomeOf(client, server).client).toBe('illegal_parameter');
  });
});
