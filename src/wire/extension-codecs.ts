import { noBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxAuthorities, maxServerName, minRecordSizeLimit } from '../base/limits.ts';
import type { ExtensionCodec } from './extensions.ts';
import { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface KeyShareEntry {
  readonly group: number;
  readonly keyExchange: Uint8Array;
}

export interface PskIdentity {
  readonly identity: Uint8Array;
  readonly obfuscatedTicketAge: number;
}

/** The pre_shared_key of a ClientHello: as many binders as identities. */
export interface OfferedPsks {
  readonly identities: readonly PskIdentity[];
  readonly binders: readonly Uint8Array[];
}

/** How many tickets a client would like (RFC 9149). */
export interface TicketRequest {
  readonly newSessionCount: number;
  readonly resumptionCount: number;
}

/** The status_request of a ClientHello (RFC 6066 §8). */
export interface StatusRequest {
  /** 1 is OCSP, the only one that there is. */
  readonly statusType: number;
  /** The rest as it stands on the wire. For OCSP: which responders are known, and extensions of its own. */
  readonly request: Uint8Array;
}

/** CertificateStatusType `ocsp` (RFC 6066 §8). */
export const ocspStatusType: number = 1;

/** ECPointFormat `uncompressed`, which everybody speaks (RFC 8422 §5.1.2). */
export const uncompressedPoints: number = 0;

/** An extension whose presence says everything. */
export const flag: ExtensionCodec<true> = { read: () => true, write: () => {} };

export const uint8: ExtensionCodec<number> = {
  read: (reader) => reader.uint8(),
  write: (writer, value) => void writer.uint8(value),
};

export const uint16: ExtensionCodec<number> = {
  read: (reader) => reader.uint16(),
  write: (writer, value) => void writer.uint16(value),
};

export const uint32: ExtensionCodec<number> = {
  read: (reader) => reader.uint32(),
  write: (writer, value) => void writer.uint32(value),
};

/** Named groups, signature schemes: `uint16 list<2..2^16-2>`. */
export const uint16List: ExtensionCodec<readonly number[]> = {
  read: (reader) => reader.uint16List(2, 2),
  write: (writer, values) => void writer.uint16List(2, values),
};

/** RFC 9846 §4.3.1. */
export const offeredVersions: ExtensionCodec<readonly number[]> = {
  read: (reader) => reader.uint16List(1, 2),
  write: (writer, values) => void writer.uint16List(1, values),
};

/** Algorithms for compressed certificates: `uint16 list<2..2^8-2>` (RFC 8879 §3). */
export const compressionAlgorithms: ExtensionCodec<readonly number[]> = offeredVersions;

/**
 * server_name in a ClientHello (RFC 6066 §3): one name of type host_name, ASCII, without a trailing dot.
 * What a name must look like beyond that is for those who match it. Other types have a form that nobody knows.
 */
export const offeredServerName: ExtensionCodec<string> = {
  read(reader) {
    const [name = noBytes, ...more] = readAll(reader.list(2, 1), hostName);
    if (more.length > 0) throw peerError('illegal_parameter', 'server_name has several host names');
    if (name.length > maxServerName || name.some((byte) => byte <= 0x20 || byte >= 0x7f)) {
      throw peerError(
        'illegal_parameter',
        `server_name is no ASCII host name of up to ${maxServerName} bytes`,
      );
    }
    return String.fromCharCode(...name);
  },
  write(writer, name) {
    writer.vector(2, () => hostName.write(writer, asciiBytes(name)));
  },
};

/** ALPN (RFC 7301 §3.1): protocol names as bytes in Latin-1, so that any name comes back as it was. */
export const protocolNames: ExtensionCodec<readonly string[]> = {
  read(reader) {
    const list = reader.list(2, 2);
    const names: string[] = [];
    while (list.remaining > 0) names.push(String.fromCharCode(...list.vector(1, 1)));
    return names;
  },
  write(writer, names) {
    writer.vector(2, () => {
      for (const name of names) writer.vector(1, asciiBytes(name));
    });
  },
};

/** All of an OCSPStatusRequest is parsed; a request of another type has a form that nobody knows. */
export const statusRequest: ExtensionCodec<StatusRequest> = {
  read(reader) {
    const statusType = reader.uint8();
    const request = reader.rest();
    if (statusType === ocspStatusType) {
      const fields = new Reader(request, 'status_request');
      const responders = fields.list(2, 0);
      while (responders.remaining > 0) responders.vector(2, 1);
      fields.vector(2, 0);
      fields.end();
    }
    return { statusType, request };
  },
  write: (writer, { statusType, request }) => void writer.uint8(statusType).bytes(request),
};

/** The DER OCSP response in a CertificateStatus (RFC 9846 §4.5.1.1). */
export const certificateStatus: ExtensionCodec<Uint8Array> = {
  read(reader) {
    const type = reader.uint8();
    if (type !== ocspStatusType)
      throw peerError('illegal_parameter', `a certificate has a status of type ${type}, not OCSP`);
    return reader.vector(3, 1);
  },
  write: (writer, response) => void writer.uint8(ocspStatusType).vector(3, response),
};

/** RFC 8449 §4: values under 64 are an illegal_parameter. */
export const recordSizeLimit: ExtensionCodec<number> = {
  read(reader) {
    const limit = reader.uint16();
    if (limit < minRecordSizeLimit)
      throw peerError('illegal_parameter', `record_size_limit ${limit} is under 64`);
    return limit;
  },
  write: uint16.write,
};

export const keyShareEntry: ExtensionCodec<KeyShareEntry> = {
  read: (reader) => ({ group: reader.uint16(), keyExchange: reader.vector(2, 1) }),
  write: (writer, entry) => void writer.uint16(entry.group).vector(2, entry.keyExchange),
};

export const offeredKeyShares: ExtensionCodec<readonly KeyShareEntry[]> = {
  read: (reader) => readAll(reader.list(2, 0), keyShareEntry),
  write(writer, entries) {
    writer.vector(2, () => {
      for (const entry of entries) keyShareEntry.write(writer, entry);
    });
  },
};

/** `opaque cookie<1..2^16-1>` (RFC 9846 §4.3.2). */
export const cookie: ExtensionCodec<Uint8Array> = {
  read: (reader) => reader.vector(2, 1),
  write: (writer, value) => void writer.vector(2, value),
};

/** PSK key exchange modes, certificate types: `uint8 list<1..2^8-1>`. */
export const uint8List: ExtensionCodec<readonly number[]> = {
  read: (reader) => [...reader.vector(1, 1)],
  write: (writer, values) => void writer.vector(1, Uint8Array.from(values)),
};

/** RFC 9846 §4.3.11. */
export const offeredPsks: ExtensionCodec<OfferedPsks> = {
  read(reader) {
    const identities = readAll(reader.list(2, 7), pskIdentity);
    const binders = readAll(reader.list(2, 33), pskBinder);
    if (identities.length !== binders.length) {
      throw peerError(
        'illegal_parameter',
        `pre_shared_key has ${identities.length} identities, ${binders.length} binders`,
      );
    }
    return { identities, binders };
  },
  write(writer, { identities, binders }) {
    writer.vector(2, () => {
      for (const identity of identities) pskIdentity.write(writer, identity);
    });
    writer.vector(2, () => {
      for (const binder of binders) pskBinder.write(writer, binder);
    });
  },
};

/** DER distinguished names (RFC 9846 §4.3.4). */
export const distinguishedNames: ExtensionCodec<readonly Uint8Array[]> = {
  read: (reader) => readDistinguishedNames(reader.list(2, 3)),
  write(writer, names) {
    writer.vector(2, () => {
      for (const name of names) writer.vector(2, name);
    });
  },
};

export const ticketRequest: ExtensionCodec<TicketRequest> = {
  read: (reader) => ({ newSessionCount: reader.uint8(), resumptionCount: reader.uint8() }),
  write: (writer, value) => void writer.uint8(value.newSessionCount).uint8(value.resumptionCount),
};

/** `opaque renegotiated_connection<0..255>` (RFC 5746 §3.2). */
export const renegotiatedConnection: ExtensionCodec<Uint8Array> = {
  read: (reader) => reader.vector(1, 0),
  write: (writer, value) => void writer.vector(1, value),
};

/** ALPN in an answer: exactly one name (RFC 7301 §3.1). */
export const chosenProtocol: ExtensionCodec<string> = {
  read(reader) {
    const [name, ...more] = protocolNames.read(reader);
    if (name === undefined || more.length > 0)
      throw peerError('decode_error', 'the server chose several ALPN protocols');
    return name;
  },
  write: (writer, name) => protocolNames.write(writer, [name]),
};

/** Any content: a ticket of TLS 1.2; padding (RFC 7685), which is kept so that a message encodes back to the same bytes. */
export const opaque: ExtensionCodec<Uint8Array> = {
  read: (reader) => reader.rest(),
  write: (writer, value) => void writer.bytes(value),
};

/** The bytes of an ASCII or Latin-1 string. */
export function asciiBytes(text: string): Uint8Array {
  return text === '' ? noBytes : Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function readDistinguishedNames(list: Reader): readonly Uint8Array[] {
  const names: Uint8Array[] = [];
  while (list.remaining > 0) {
    if (names.length === maxAuthorities)
      throw peerError('illegal_parameter', `a list of authorities has more than ${maxAuthorities} names`);
    names.push(list.vector(2, 1));
  }
  return names;
}

const hostName: ExtensionCodec<Uint8Array> = {
  read(reader) {
    if (reader.uint8() !== 0) throw peerError('decode_error', 'server_name has a name that is no host_name');
    return reader.vector(2, 1);
  },
  write: (writer, name) => void writer.uint8(0).vector(2, name),
};

const pskIdentity: ExtensionCodec<PskIdentity> = {
  read: (reader) => ({ identity: reader.vector(2, 1), obfuscatedTicketAge: reader.uint32() }),
  write: (writer, value) => void writer.vector(2, value.identity).uint32(value.obfuscatedTicketAge),
};

const pskBinder: ExtensionCodec<Uint8Array> = {
  read: (reader) => reader.vector(1, 32),
  write: (writer: Writer, value) => void writer.vector(1, value),
};

function readAll<Value>(list: Reader, codec: ExtensionCodec<Value>): readonly Value[] {
  const values: Value[] = [];
  while (list.remaining > 0) values.push(codec.read(list));
  return values;
}
