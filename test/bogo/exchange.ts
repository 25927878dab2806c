import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsTruncatedError } from '../../src/base/errors.ts';
import type { HandshakeInfo } from '../../src/connection/events.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import {
  certificateTypeCodes,
  cipherSuiteCodes,
  namedGroupCodes,
  protocolVersions,
  signatureSchemeCodes,
} from '../../src/wire/names.ts';
import { certificatesIn } from './credentials.ts';
import { needsFunction, type Observed } from './endpoint.ts';
import type { Settings, Value } from './flags.ts';
import { Mismatch } from './mismatch.ts';
import type { ShimTransport } from './transport.ts';

/** One connection of the runner's, from the handshake to its end. */
export interface Exchange {
  readonly settings: Settings;
  readonly isResumption: boolean;
  readonly stream: TlsStream;
  readonly transport: ShimTransport;
  readonly observed: Observed;
}

/** Does what the runner expects of a connection, and checks what the flags expect of it. @throws Mismatch, TlsError */
export async function run(exchange: Exchange): Promise<void> {
  const { settings, stream } = exchange;
  if (!settings.has('implicit-handshake')) {
    const info = await stream.handshake();
    checkHandshake(exchange, info);
    if (settings.has('no-op-extra-handshake') && (await stream.handshake()) !== info)
      throw new Mismatch('second handshake()', 'another', 'the same');
  }
  await writeKeys(exchange);
  const greeting = utf8(settings.text('shim-initial-write') ?? 'hello');
  let unfinished: Promise<void> | undefined;
  if (settings.has('read-with-unfinished-write')) {
    exchange.transport.holdWritesAfter(1);
    unfinished = stream.write(greeting);
  } else if (settings.has('shim-writes-first')) {
    const count = settings.number('repeat-shim-initial-write') ?? 1;
    for (let i = 0; i < count; i++) await stream.write(greeting);
  }
  if (!settings.has('shim-shuts-down')) await echo(exchange, unfinished);
  checkTickets(exchange);
  await shutDown(exchange);
}

/** Sends back each byte with all its bits changed, until the peer's end. */
async function echo(exchange: Exchange, unfinished: Promise<void> | undefined): Promise<void> {
  const { settings, stream, transport } = exchange;
  const readSize = settings.number('read-size') ?? 512;
  let isUnchecked = settings.has('implicit-handshake');
  for (;;) {
    if (settings.has('key-update-before-read')) await stream.updateKeys();
    const data = await readSome(exchange);
    if (data === null) return;
    if (stream.info === undefined) throw new Mismatch('data', 'before the handshake was done', 'behind it');
    if (isUnchecked) checkHandshake(exchange, stream.info);
    isUnchecked = false;
    transport.releaseWrites();
    await unfinished;
    // BoringSSL's call asks for nothing in return; ours asks the peer for new keys as well.
    if (settings.has('key-update')) await stream.updateKeys();
    for (let offset = 0; offset < data.length; offset += readSize)
      await stream.write(data.subarray(offset, offset + readSize).map((byte) => byte ^ 0xff));
  }
}

/**
 * The next bytes. After the handshake reading writes nothing but a fatal alert: that is the law, whatever the flags say.
 * Without `-check-close-notify` an end of the transport is as good as the peer's.
 */
async function readSome({ settings, stream, transport }: Exchange): Promise<Uint8Array | null> {
  // In a read that makes the handshake, the Finished of a client leaves when it is done, in TLS 1.2 a server's too.
  let isOurFlightDue = stream.info === undefined;
  transport.mayWrite = () => {
    if (stream.info === undefined || stream.failure !== undefined) return true;
    const isOurFlight =
      isOurFlightDue && (!settings.has('server') || stream.info.protocolVersion === 'TLSv1.2');
    isOurFlightDue = false;
    return isOurFlight;
  };
  try {
    return await stream.read();
  } catch (error) {
    const isEnd = error instanceof TlsTruncatedError && stream.info !== undefined;
    if (isEnd && !settings.has('check-close-notify')) return null;
    throw error;
  } finally {
    transport.mayWrite = undefined;
    transport.requireSilence();
  }
}

async function writeKeys({ settings, stream, observed }: Exchange): Promise<void> {
  const length = settings.number('export-keying-material');
  if (length !== undefined) {
    const label = settings.text('export-label') ?? '';
    const context = settings.has('use-export-context')
      ? utf8(settings.text('export-context') ?? '')
      : undefined;
    await stream.write(stream.exportKeyingMaterial(label, context, length));
  }
  if (settings.has('export-traffic-secrets')) {
    const secretOf = (label: string): Buffer => {
      const line = observed.keyLog.find((candidate) => candidate.startsWith(`${label} `));
      return Buffer.from(line?.split(' ')[2] ?? '', 'hex');
    };
    const [client, server] = [secretOf('CLIENT_TRAFFIC_SECRET_0'), secretOf('SERVER_TRAFFIC_SECRET_0')];
    const length = Buffer.alloc(2);
    length.writeUInt16LE(client.length);
    const readFirst = settings.has('server') ? [client, server] : [server, client];
    await stream.write(Buffer.concat([length, ...readFirst]));
  }
}

function checkHandshake({ settings, isResumption, observed }: Exchange, info: HandshakeInfo): void {
  expect('resumed', info.resumed, isResumption && !settings.has('expect-session-miss'));
  const isServer = settings.has('server');
  const numbers: readonly (readonly [Value, number | undefined])[] = [
    ['expect-version', info.protocolVersion === 'TLSv1.3' ? protocolVersions.tls13 : protocolVersions.tls12],
    ['expect-cipher', cipherSuiteCodes[info.cipherSuite]],
    ['expect-cipher-aes', cipherSuiteCodes[info.cipherSuite]],
    // -1 is the one of the flags in front, and none.
    ['expect-selected-credential', observed.selectedCredential ?? -1],
    [
      'expect-peer-certificate-type',
      certificateTypeCodes[info.peerRawPublicKey === undefined ? 'X509' : 'RawPublicKey'],
    ],
  ];
  for (const [flag, found] of numbers) {
    const expected = settings.number(flag);
    if (expected !== undefined) expect(flag, found, expected);
  }
  const group = settings.number('expect-curve-id');
  // A resumed handshake of TLS 1.2 exchanges no keys.
  const exchangesKeys = !info.resumed || info.protocolVersion === 'TLSv1.3';
  if (group !== undefined)
    expect('expect-curve-id', info.group && namedGroupCodes[info.group], exchangesKeys ? group : undefined);
  if (settings.has('expect-extended-master-secret'))
    expect('extended master secret', info.extendedMasterSecret, true);
  const scheme = settings.number('expect-peer-signature-algorithm');
  // A resumed handshake has no signature, and Tacit does not report that of the original one.
  if (scheme !== undefined)
    expect(
      'signature scheme',
      info.peerSignatureScheme && signatureSchemeCodes[info.peerSignatureScheme],
      info.resumed ? undefined : scheme,
    );
  if (settings.has('expect-hrr')) expect('HelloRetryRequest', info.helloRetryRequest, true);
  if (settings.has('expect-no-hrr')) expect('HelloRetryRequest', info.helloRetryRequest, false);
  const name = settings.text('expect-server-name');
  if (name !== undefined) expect('server_name', info.serverName, name);
  expect('ALPN protocol', info.alpnProtocol, settings.text(isServer ? 'select-alpn' : 'expect-alpn'));
  checkPeer(settings, observed, info);
  checkQuestions(settings, observed, info);
}

/** Whether the functions of the configuration were asked, and not too often. */
function checkQuestions(settings: Settings, observed: Observed, info: HandshakeInfo): void {
  if (needsFunction(settings) && !info.resumed)
    expect('the function that chooses an identity was asked', observed.wasAsked, true);
  if (settings.has('use-ticket-callback') && settings.has('server'))
    expect('a session was looked up twice', observed.lookUps > 1, false);
}

function checkPeer(settings: Settings, observed: Observed, info: HandshakeInfo): void {
  const { peerCertificates, peerRawPublicKey } = info;
  const isServer = settings.has('server');
  const file = settings.text('expect-peer-cert-file');
  if (file !== undefined) {
    const expected = certificatesIn(file);
    const isSame =
      expected.length === peerCertificates.length &&
      expected.every((der, index) => equalBytes(der, peerCertificates[index]!));
    expect('the chain of the peer is the one in the file', isSame, true);
  }
  const hasCertificate = peerCertificates.length > 0;
  if (settings.has('expect-no-peer-cert')) expect('peer has a certificate', hasCertificate, false);
  else if (!isServer || settings.has('require-any-client-certificate'))
    expect('peer has shown who it is', hasCertificate || peerRawPublicKey !== undefined, true);
  const rawKeyHash = settings.base64('expect-peer-rpk-sha256');
  if (rawKeyHash !== undefined) {
    const hash = peerRawPublicKey && sha256(nodeCrypto, peerRawPublicKey);
    expect('the raw public key is the one with the hash', hash && equalBytes(hash, rawKeyHash), true);
    expect('peer has a certificate', hasCertificate, false);
  }
  const isAuthenticated = hasCertificate || peerRawPublicKey !== undefined;
  if (settings.has('expect-verify-result'))
    expect('verdicts', observed.peerVerified, info.resumed || !isAuthenticated ? 0 : 1);
}

/** A client must have been given sessions by now, unless the flags say otherwise. */
function checkTickets({ settings, observed, stream }: Exchange): void {
  if (settings.has('server') || settings.has('no-ticket')) return;
  // In TLS 1.2 they come with the handshake, and only with its extended master secret (RFC 7627 §5.3).
  const isEarly = stream.info?.protocolVersion === 'TLSv1.2';
  const isPossible =
    stream.info?.extendedMasterSecret === true && (isEarly || !settings.has('shim-shuts-down'));
  const isExpected = !settings.has('expect-no-session') && isPossible;
  expect('a ticket came', observed.newSessions > 0, isExpected);
}

async function shutDown(exchange: Exchange): Promise<void> {
  const { settings, stream } = exchange;
  if (settings.has('shim-shuts-down') && settings.has('check-close-notify')) {
    await stream.closeWrite();
    const data = await readSome(exchange);
    if (data !== null) throw new Mismatch('behind our close_notify', 'data', 'the close_notify of the peer');
  }
  await stream.close();
}

function expect(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Mismatch(what, found, expected);
}
