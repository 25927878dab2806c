import { type KeyObject, sign as signWithKey } from 'node:crypto';
import { concatBytes, noBytes, utf8 } from '../../../src/base/bytes.ts';
import type { Identity } from '../../../src/handshake/identity.ts';
import { type ClientHello, encodeClientHello } from '../../../src/wire/hello.ts';
import { encodeCertificateVerify, encodeFinished } from '../../../src/wire/messages.ts';
import {
  namedGroupCodes,
  nameOf,
  signatureSchemeCodes,
  tls12CipherSuiteCodes,
} from '../../../src/wire/names.ts';
import {
  encodeCertificateStatus,
  encodeClientKeyExchange,
  encodeServerHelloDone,
  encodeServerKeyExchange,
  encodeServerParams,
  encodeTls12Certificate,
  encodeTls12CertificateRequest,
  encodeTls12NewSessionTicket,
  encodeTls12ServerHello,
  type Tls12ServerHello,
} from '../../../src/wire/tls12-messages.ts';
import { message as anyMessage } from '../../support/raw-peer.ts';
import type { Message } from '../support/steps.ts';
import { suiteNamed, verifyData } from './crypto.ts';
import type { ServerKeyExchangeMessage, Tls12ServerHelloMessage } from './messages.ts';
import type { PeerState } from './state.ts';

/** The bytes of a message, made from all that was really said and heard so far. */
export function compose(state: PeerState, message: Message): Uint8Array {
  const { setup } = state;
  switch (message.name) {
    case 'HelloRequest':
      return anyMessage(0, message.body ?? noBytes);
    case 'Tls12ClientHello': {
      const base = state.hello ?? clientHello(state);
      state.hello = message.edit?.(base) ?? base;
      return encodeClientHello(state.hello);
    }
    case 'Tls12ServerHello':
      return serverHello(state, message);
    case 'Tls12Certificate': {
      const { of = 'own' } = message;
      const { chain } = of === 'own' ? setup.identity : setup.other;
      const shown = of === 'nobody' ? [] : chain;
      return encodeTls12Certificate(message.edit?.(shown) ?? shown);
    }
    case 'CertificateStatus': {
      const status = encodeCertificateStatus(utf8('an OCSP response'));
      status[4] = message.type ?? 1;
      return status;
    }
    case 'ServerKeyExchange':
      return serverKeyExchange(state, message);
    case 'Tls12CertificateRequest': {
      const request = {
        certificateTypes: [64, 1],
        signatureSchemes: [setup.algorithm, signatureSchemeCodes.ed25519],
        certificateAuthorities: [],
      };
      return encodeTls12CertificateRequest(message.edit?.(request) ?? request);
    }
    case 'ServerHelloDone':
      return encodeServerHelloDone();
    case 'ClientKeyExchange': {
      const own = message.publicValue ?? state.exchanges[0]?.publicValue ?? setup.provider.randomBytes(32);
      return encodeClientKeyExchange(own);
    }
    case 'Tls12CertificateVerify': {
      const signer = message.of === 'other' ? setup.other : setup.identity;
      const { signs = setup.algorithm, algorithm = signs } = message;
      const signature = sign(signer, signs, over(state, message.over), setup.key);
      return encodeCertificateVerify({ algorithm, signature });
    }
    case 'Tls12NewSessionTicket': {
      const ticket = { lifetimeHint: 3600, ticket: utf8('a new ticket') };
      return encodeTls12NewSessionTicket(message.edit?.(ticket) ?? ticket);
    }
    case 'Tls12Finished': {
      const { side = setup.side, length } = message;
      const data = verifyData(state.suite, state.master, side, over(state, message.over));
      return encodeFinished(
        length === undefined ? data : concatBytes(data, new Uint8Array(64)).subarray(0, length),
      );
    }
    case 'Echo':
      return state.heard.at(-1) ?? anyMessage(0, noBytes);
    case 'Other':
      return anyMessage(message.type, message.body);
    default:
      throw new Error(`${message.name} is a message of TLS 1.3`);
  }
}

function over(state: PeerState, what: 'transcript' | 'nothing' | 'allButLast' = 'transcript'): Uint8Array {
  if (what === 'nothing') return noBytes;
  return what === 'transcript' ? state.transcript : concatBytes(...state.messages.slice(0, -1));
}

function sign({ signer }: Identity, algorithm: number, content: Uint8Array, key?: KeyObject): Uint8Array {
  const wanted = nameOf(signatureSchemeCodes, algorithm);
  const hash = /^ecdsa_.*_(sha\d+)$/.exec(wanted ?? '')?.[1];
  if (key && hash) return new Uint8Array(signWithKey(hash, content, key));
  const scheme = wanted && signer.schemes.includes(wanted) ? wanted : signer.schemes[0]!;
  return signer.sign(scheme, content, { signal: new AbortController().signal }) as Uint8Array;
}

function clientHello({ setup }: PeerState): ClientHello {
  const { provider, session } = setup;
  const hello: ClientHello = {
    legacyVersion: 0x0303,
    random: provider.randomBytes(32),
    legacySessionId: session ? provider.randomBytes(32) : noBytes,
    cipherSuites: Object.values(tls12CipherSuiteCodes),
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {
      server_name: 'localhost',
      supported_groups: [namedGroupCodes.x25519, namedGroupCodes.secp256r1],
      ec_point_formats: [0],
      signature_algorithms: [signatureSchemeCodes.ed25519, signatureSchemeCodes.rsa_pss_rsae_sha256],
      application_layer_protocol_negotiation: ['http/1.1'],
      extended_master_secret: true,
      session_ticket: session?.ticket ?? noBytes,
      renegotiation_info: noBytes,
    },
  };
  return setup.hello?.(hello) ?? hello;
}

function serverHello(state: PeerState, message: Tls12ServerHelloMessage): Uint8Array {
  const { setup, hello } = state;
  const { extensions } = hello ?? {};
  const { echo = setup.resumes ?? false } = message;
  const base: Tls12ServerHello = {
    kind: 'Tls12ServerHello',
    version: 0x0303,
    random: setup.provider.randomBytes(32),
    sessionId: echo ? (hello?.legacySessionId ?? noBytes) : noBytes,
    cipherSuite: suiteNamed(message.suite ?? setup.suite).code,
    compressionMethod: 0,
    extensions: {
      renegotiation_info: noBytes,
      application_layer_protocol_negotiation: extensions?.application_layer_protocol_negotiation?.at(-1),
      extended_master_secret: extensions?.extended_master_secret,
    },
  };
  const ofScene = setup.answer?.(base) ?? base;
  const answer = message.edit?.(ofScene) ?? ofScene;
  state.negotiated(answer);
  return encodeTls12ServerHello(answer);
}

function serverKeyExchange(state: PeerState, message: ServerKeyExchangeMessage): Uint8Array {
  const { setup, randoms } = state;
  const {
    group = namedGroupCodes[setup.group],
    without,
    signs = setup.algorithm,
    algorithm = signs,
  } = message;
  const name = nameOf(namedGroupCodes, group) ?? setup.group;
  const exchange = setup.provider.initiateKeyExchange(name);
  state.exchanges.unshift(exchange);
  const publicValue = message.publicValue ?? exchange.publicValue;
  const params = encodeServerParams(group, publicValue);
  params[0] = message.curveType ?? 3;
  const content = concatBytes(
    without === 'client random' ? noBytes : randoms.client,
    without === 'server random' ? noBytes : randoms.server,
    without === 'public value' ? params.subarray(0, 4) : params,
  );
  const signature = sign(message.of === 'other' ? setup.other : setup.identity, signs, content, setup.key);
  return encodeServerKeyExchange({ params, algorithm, signature });
}
