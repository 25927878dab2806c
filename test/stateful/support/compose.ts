import { concatBytes, noBytes, utf8 } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { HashAlgorithm, NamedGroup } from '../../../src/crypto/provider.ts';
import type { Identity } from '../../../src/handshake/identity.ts';
import { cipherSuiteByCode, cipherSuites } from '../../../src/keys/cipher-suites.ts';
import { hashLengths } from '../../../src/keys/hkdf.ts';
import { earlySecret } from '../../../src/keys/key-schedule.ts';
import { encodeCompressedCertificate } from '../../../src/wire/compressed-certificate.ts';
import {
  bindersLength,
  type ClientHello,
  encodeClientHello,
  encodeServerHello,
} from '../../../src/wire/hello.ts';
import {
  type Certificate,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeFinished,
  encodeKeyUpdate,
  encodeNewSessionTicket,
} from '../../../src/wire/messages.ts';
import {
  certificateCompressionCodes,
  namedGroupCodes,
  nameOf,
  protocolVersions,
  signatureSchemeCodes,
} from '../../../src/wire/names.ts';
import { message as anyMessage } from '../../support/raw-peer.ts';
import { signedContent } from './schedule.ts';
import type { PeerState } from './state.ts';
import type {
  CertificateMessage,
  CertificateVerifyMessage,
  ClientHelloMessage,
  FinishedMessage,
  Message,
  ServerHelloMessage,
} from './steps.ts';

/** The bytes of a message, made from all that was really said and heard so far. */
export function compose(state: PeerState, message: Message): Uint8Array {
  switch (message.name) {
    case 'ClientHello':
      return clientHello(state, message);
    case 'HelloRetryRequest':
      return helloRetryRequest(state, message);
    case 'ServerHello':
      return serverHello(state, message);
    case 'EncryptedExtensions': {
      const protocol = state.hellos.at(-1)?.extensions.application_layer_protocol_negotiation?.at(-1);
      const extensions = { application_layer_protocol_negotiation: protocol, ...state.setup.encrypted };
      return encodeEncryptedExtensions(message.edit?.(extensions) ?? extensions);
    }
    case 'CertificateRequest': {
      const request = {
        context: noBytes,
        extensions: { signature_algorithms: state.setup.signatureSchemes },
      };
      return encodeCertificateRequest(message.edit?.(request) ?? request);
    }
    case 'Certificate':
      return encodeCertificate(certificate(state, message));
    case 'CompressedCertificate':
      return compressedCertificate(state, message);
    case 'CertificateVerify':
      return certificateVerify(state, message);
    case 'Finished':
      return finished(state, message);
    case 'NewSessionTicket': {
      const ticket = {
        lifetime: 3600,
        ageAdd: 1,
        nonce: Uint8Array.of(7),
        ticket: utf8('a ticket'),
        extensions: {},
      };
      return encodeNewSessionTicket(message.edit?.(ticket) ?? ticket);
    }
    case 'KeyUpdate':
      return message.value === undefined
        ? encodeKeyUpdate(false)
        : anyMessage(24, Uint8Array.of(message.value));
    case 'Echo':
      return state.heard.at(-1) ?? anyMessage(0, noBytes);
    case 'Other':
      return anyMessage(message.type, message.body);
    default:
      throw new Error(`${message.name} is a message of TLS 1.2`);
  }
}

function helloRetryRequest(
  state: PeerState,
  { suite, edit }: Message & { readonly name: 'HelloRetryRequest' },
): Uint8Array {
  const { retry } = state.setup;
  const fields = {
    kind: 'HelloRetryRequest',
    legacyVersion: protocolVersions.tls12,
    legacySessionIdEcho: state.hellos.at(-1)?.legacySessionId ?? noBytes,
    cipherSuite: cipherSuites[suite ?? state.setup.suite].code,
    legacyCompressionMethod: 0,
    extensions: {
      supported_versions: protocolVersions.tls13,
      key_share: retry?.group && namedGroupCodes[retry.group],
      cookie: retry?.cookie,
    },
  } as const;
  const request = edit?.(fields) ?? fields;
  state.suite = cipherSuiteByCode(request.cipherSuite) ?? state.suite;
  state.retry = request;
  return encodeServerHello(request);
}

function serverHello(state: PeerState, message: ServerHelloMessage): Uint8Array {
  const { setup, retry } = state;
  const asked = retry && (cipherSuiteByCode(retry.cipherSuite)?.name ?? setup.suite);
  const { suite = asked ?? setup.suite } = message;
  const { group = retry?.extensions.key_share ?? namedGroupCodes[setup.group] } = message;
  const share = state.hellos
    .flatMap(({ extensions }) => extensions.key_share ?? [])
    .findLast((one) => one.group === group);
  const name = nameOf(namedGroupCodes, group);
  const exchange = share && name && setup.provider.respondToKeyExchange(name, share.keyExchange);
  if (exchange) state.shares.push(exchange);
  const isOffered = state.hellos.at(-1)?.extensions.pre_shared_key !== undefined;
  const { psk = setup.session && isOffered ? 0 : 'none' } = message;
  const fields = {
    kind: 'ServerHello',
    legacyVersion: protocolVersions.tls12,
    random: setup.provider.randomBytes(32),
    legacySessionIdEcho: state.hellos.at(-1)?.legacySessionId ?? noBytes,
    cipherSuite: cipherSuites[suite].code,
    legacyCompressionMethod: 0,
    extensions: {
      supported_versions: protocolVersions.tls13,
      key_share: { group, keyExchange: exchange?.publicValue ?? ownShare(state, name) },
      pre_shared_key: psk === 'none' ? undefined : psk,
    },
  } as const;
  const hello = message.edit?.(fields) ?? fields;
  const { extensions } = hello;
  const shared = extensions.key_share ? exchange?.sharedSecret : undefined;
  // Without a key exchange zeros stand in its place (RFC 9846 §7.1).
  const zeros = new Uint8Array(hashLengths[cipherSuites[suite].hash]);
  state.negotiated(hello.cipherSuite, extensions.pre_shared_key, shared ?? zeros);
  return encodeServerHello(hello);
}

function ownShare({ setup: { provider } }: PeerState, group: NamedGroup | undefined): Uint8Array {
  return group ? provider.initiateKeyExchange(group).publicValue : provider.randomBytes(32);
}

function clientHello(state: PeerState, message: ClientHelloMessage): Uint8Array {
  const { retry } = state;
  const first = state.hellos[0];
  if (message.recorded) return message.recorded;
  const base = first && retry ? secondHello(state, first) : (first ?? firstHello(state));
  const hello = message.edit?.(base) ?? base;
  state.hellos.push(hello);
  const psks = hello.extensions.pre_shared_key;
  if (!psks) return encodeClientHello(hello);
  const { hash, secret } = binderKey(state, message);
  const filled = (binder: Uint8Array): ClientHello => {
    const pre_shared_key = { identities: psks.identities, binders: psks.binders.map(() => binder) };
    return { ...hello, extensions: { ...hello.extensions, pre_shared_key } };
  };
  // The lengths of binders are covered by them (RFC 9846 §4.3.11.2).
  const blank = filled(new Uint8Array(hashLengths[hash]));
  const { pre_shared_key = psks } = blank.extensions;
  const truncated = encodeClientHello(blank).subarray(0, -bindersLength(pre_shared_key));
  const covered = state.transcript.digestWith(hash, truncated);
  return encodeClientHello(filled(earlySecret(nodeCrypto, hash, secret).binder(covered)));
}

function binderKey(
  { setup: { session } }: PeerState,
  { binder = 'right' }: ClientHelloMessage,
): { readonly hash: HashAlgorithm; readonly secret: Uint8Array } {
  const own = cipherSuites[session?.suite ?? 'TLS_AES_128_GCM_SHA256'].hash;
  const other = own === 'sha256' ? 'sha384' : 'sha256';
  const hash = binder === 'otherHash' ? other : own;
  const isOther = binder === 'otherKey' || !session;
  return { hash, secret: isOther ? new Uint8Array(hashLengths[hash]).fill(9) : session.psk };
}

function firstHello(state: PeerState): ClientHello {
  const { setup } = state;
  const { provider, session } = setup;
  const exchange = provider.initiateKeyExchange(setup.group);
  state.exchanges.unshift(exchange);
  return {
    legacyVersion: protocolVersions.tls12,
    random: provider.randomBytes(32),
    legacySessionId: provider.randomBytes(32),
    cipherSuites: [0x1301, 0x1302],
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {
      server_name: 'localhost',
      supported_versions: [protocolVersions.tls13],
      supported_groups: [namedGroupCodes.x25519, namedGroupCodes.secp256r1],
      signature_algorithms: setup.signatureSchemes,
      application_layer_protocol_negotiation: ['http/1.1'],
      psk_key_exchange_modes: [1],
      key_share: [{ group: namedGroupCodes[setup.group], keyExchange: exchange.publicValue }],
      ...setup.hello,
      pre_shared_key: session && {
        identities: [{ identity: session.ticket, obfuscatedTicketAge: session.ageAdd }],
        binders: [new Uint8Array(hashLengths[cipherSuites[session.suite].hash])],
      },
    },
  };
}

function secondHello(state: PeerState, first: ClientHello): ClientHello {
  const { key_share: code, cookie } = state.retry?.extensions ?? {};
  const group = code === undefined ? undefined : nameOf(namedGroupCodes, code);
  const exchange = group && state.setup.provider.initiateKeyExchange(group);
  if (exchange) state.exchanges.unshift(exchange);
  const key_share =
    exchange && code !== undefined
      ? [{ group: code, keyExchange: exchange.publicValue }]
      : first.extensions.key_share;
  return { ...first, extensions: { ...first.extensions, key_share, cookie, early_data: undefined } };
}

function certificate(
  { setup }: PeerState,
  { of = 'own', edit }: Pick<CertificateMessage, 'of' | 'edit'>,
): Certificate {
  const { chain } = of === 'own' ? setup.identity : setup.other;
  const entries = of === 'nobody' ? [] : chain.map((one) => ({ certificate: one, extensions: {} }));
  const fields = { context: noBytes, entries };
  return edit?.(fields) ?? fields;
}

function compressedCertificate(state: PeerState, message: CertificateMessage): Uint8Array {
  const body = encodeCertificate(certificate(state, message)).subarray(4);
  const { algorithm = certificateCompressionCodes.zlib, corrupt } = message;
  const name = nameOf(certificateCompressionCodes, algorithm) ?? 'zlib';
  const compressed = nodeCrypto.compressors[name]?.compress(body) ?? body;
  return encodeCompressedCertificate({
    algorithm,
    uncompressedLength: body.length,
    compressed: corrupt ? compressed.slice(1) : compressed,
  });
}

function certificateVerify(state: PeerState, message: CertificateVerifyMessage): Uint8Array {
  const { setup } = state;
  const { side = setup.side, over = 'transcript' } = message;
  const { signer }: Identity = message.of === 'other' ? setup.other : setup.identity;
  const [preferred = 'ed25519'] = signer.schemes;
  const scheme = message.scheme && signer.schemes.includes(message.scheme) ? message.scheme : preferred;
  const content = signedContent(side, hashOver(state, over));
  const signature = signer.sign(scheme, content, { signal: new AbortController().signal }) as Uint8Array;
  return encodeCertificateVerify({ algorithm: message.algorithm ?? signatureSchemeCodes[scheme], signature });
}

function finished(state: PeerState, message: FinishedMessage): Uint8Array {
  const { side = state.setup.side, over = 'transcript', length } = message;
  const data = state.schedule.verifyData(state.handshake()[side], hashOver(state, over));
  if (length === undefined) return encodeFinished(data);
  return encodeFinished(concatBytes(data, new Uint8Array(64)).subarray(0, length));
}

function hashOver(state: PeerState, over: 'transcript' | 'nothing' | 'allButLast'): Uint8Array {
  const { hash } = state.suite;
  if (over === 'transcript') return state.transcript.digest(hash);
  return over === 'nothing' ? hashNothing(hash) : state.transcript.digestBefore(hash);
}

function hashNothing(hash: HashAlgorithm): Uint8Array {
  return nodeCrypto.hash(hash).digest();
}
