import type { Defect } from './engine/build.ts';
import type { TargetName } from './target-names.ts';

/** A defect with the target that has to find it. */
export interface Planted extends Defect {
  readonly name: string;
  readonly target: TargetName;
}

/** What `npm run fuzz -- --prove` puts into a copy of the sources, one at a time. */
export const planted: readonly Planted[] = [
  {
    target: 'records',
    name: 'the last byte of a record is not waited for',
    file: 'src/connection/record-reader.ts',
    find: 'if (this.#bodyFilled < length) return undefined;',
    replace: 'if (this.#bodyFilled + 1 < length) return undefined;',
  },
  {
    target: 'records',
    name: 'what waits stays in the array of the transport',
    file: 'src/connection/inbox.ts',
    find: 'this.#reader.keep();',
    replace: '',
  },
  {
    target: 'messages',
    name: 'a byte behind a message is ignored',
    file: 'src/wire/reader.ts',
    find: 'if (this.remaining > 0) throw',
    replace: 'if (this.remaining > 1) throw',
  },
  {
    target: 'messages',
    name: 'an extension may come twice',
    file: 'src/wire/extensions.ts',
    find: 'if (seen.has(code))',
    replace: 'if (seen.has(code) && code < 0)',
  },
  {
    target: 'client-flight',
    name: 'Finished is not compared',
    file: 'src/handshake/authentication.ts',
    find: 'if (!config.provider.timingSafeEqual(expected, decodeFinished(message.body, suite.hashLength))) {',
    replace: 'if (decodeFinished(message.body, suite.hashLength).length === 0) {',
  },
  {
    target: 'client-flight',
    name: 'a binder is not compared',
    file: 'src/handshake/server-psk.ts',
    find: 'if (!config.provider.timingSafeEqual(expected, binder)) {',
    replace: 'if (expected.length !== binder.length) {',
  },
  {
    target: 'client-flight',
    name: 'KeyUpdate is answered at once',
    file: 'src/connection/outbox.ts',
    find: 'if (isRequest) this.#acknowledgementOwed = true;',
    replace: 'if (isRequest) this.#sendKeyUpdate(false);',
  },
  {
    target: 'client-flight',
    name: 'a ticket leaves unasked behind the handshake',
    file: 'src/connection/tls-connection.ts',
    find: 'this.#outbox.setTickets(this.#tickets);',
    replace: 'this.#outbox.setTickets(this.#tickets); this.#outbox.sendTickets(1);',
  },
  {
    target: 'server-flight',
    name: 'CertificateVerify is not verified',
    file: 'src/handshake/authentication.ts',
    find: 'if (!key.verify(scheme, content, signature)) {',
    replace: 'if (signature.length === 0) {',
  },
  {
    target: 'server-flight',
    name: 'an alert of one byte is taken for close_notify',
    file: 'src/connection/alert-reader.ts',
    find: 'if (content.length !== 2)',
    replace: 'if (content.length > 2)',
  },
  {
    target: 'server-flight',
    name: 'an alert follows close_notify',
    file: 'src/connection/outbox.ts',
    find: 'sendFatalAlert(alert: AlertName): void {\n    if (!this.#isOpen) return;',
    replace: 'sendFatalAlert(alert: AlertName): void {',
  },
  {
    target: 'client-flight',
    name: 'Finished is not compared in TLS 1.2',
    file: 'src/handshake/tls12-authentication.ts',
    find: 'if (!config.provider.timingSafeEqual(expected, decodeFinished(message.body, tls12VerifyDataLength))) {',
    replace: 'if (decodeFinished(message.body, tls12VerifyDataLength).length === 0) {',
  },
  {
    target: 'client-flight',
    name: 'CertificateVerify is not verified in TLS 1.2',
    file: 'src/handshake/tls12-authentication.ts',
    find: 'return checkSignature(signed, accepted, key);',
    replace:
      "return signed.message === 'CertificateVerify' ? accepted[0]! : checkSignature(signed, accepted, key);",
  },
  {
    target: 'client-flight',
    name: 'a server resumes without the extended master secret',
    file: 'src/handshake/tls12-server.ts',
    find: 'if (isExtended) return { state, suite };',
    replace: 'if (isExtended || state.psk.length > 0) return { state, suite };',
  },
  {
    target: 'server-flight',
    name: 'ServerKeyExchange is not verified',
    file: 'src/handshake/tls12-authentication.ts',
    find: 'return checkSignature(signed, accepted, key);',
    replace:
      "return signed.message === 'ServerKeyExchange' ? accepted[0]! : checkSignature(signed, accepted, key);",
  },
  {
    target: 'server-flight',
    name: 'an early change_cipher_spec is passed over',
    file: 'src/connection/tls-connection.ts',
    find: "if (!this.#handshake.awaitsChangeCipherSpec)\n        throw peerError('unexpected_message', 'a change_cipher_spec came that is not allowed there');",
    replace: 'if (!this.#handshake.awaitsChangeCipherSpec) return;',
  },
  {
    target: 'server-flight',
    name: 'a ServerHello of TLS 1.2 may have any extension',
    file: 'src/handshake/tls12-server-answer.ts',
    find: "refuseUnsolicited('ServerHello', extensions, hello, []);",
    replace: '',
  },
  {
    target: 'server-flight',
    name: 'a client resumes without the extended master secret',
    file: 'src/handshake/tls12-server-answer.ts',
    find: 'if (!extensions.extended_master_secret)',
    replace: 'if (tls12Session.masterSecret.length === 0)',
  },
  {
    target: 'server-flight',
    name: 'the mark of a downgrade is not looked at',
    file: 'src/handshake/tls12-server-answer.ts',
    find: 'if (equalBytes(mark, tls12DowngradeSentinel) || equalBytes(mark, tls11DowngradeSentinel))',
    replace: 'if (equalBytes(mark, tls12DowngradeSentinel) && equalBytes(mark, tls11DowngradeSentinel))',
  },
  {
    target: 'tickets',
    name: 'the tag of a ticket is not checked',
    file: 'src/crypto/node/aead.ts',
    find: 'wipe(plaintext);\n      return undefined;',
    replace: 'return plaintext;',
  },
  {
    target: 'tickets',
    name: 'a ticket key lives too long',
    file: 'src/sessions/ticket-keys.ts',
    find: 'now - key.createdAt < this.#keepFor;',
    replace: 'now - key.createdAt < this.#keepFor * 2;',
  },
  {
    target: 'tickets',
    name: 'a byte behind a state is ignored',
    file: 'src/sessions/session-state.ts',
    find: 'reader.end();',
    replace: '',
  },
  {
    target: 'certificate',
    name: 'a length may be longer than it must be',
    file: 'src/pki/der.ts',
    find: 'if (length === 0 || (width === 1 && length < 0x80))',
    replace: 'if (length === 0)',
  },
  {
    target: 'certificate',
    name: 'a BOOLEAN may be 01',
    file: 'src/pki/values.ts',
    find: 'if (element.contentLength !== 1 || (value !== 0 && value !== 0xff))',
    replace: 'if (element.contentLength !== 1)',
  },
  {
    target: 'certificate',
    name: 'a UTCTime has another century',
    file: 'src/pki/values.ts',
    find: 'first < 50 ? 2000 : 1900',
    replace: 'first < 60 ? 2000 : 1900',
  },
  {
    target: 'chain',
    name: 'a signature is not verified',
    file: 'src/pki/path.ts',
    find: 'if (isGood) return;',
    replace: 'if (isGood || child.signature.length > 0) return;',
  },
  {
    target: 'chain',
    name: 'an issuer need not be an authority',
    file: 'src/pki/path.ts',
    find: 'if (candidate.basicConstraints?.ca !== true) {',
    replace: 'if (candidate.basicConstraints?.ca === false) {',
  },
  {
    target: 'chain',
    name: 'a name matches where it is the beginning of another',
    file: 'src/pki/names.ts',
    find: 'labels.length !== reference.length',
    replace: 'labels.length > reference.length',
  },
  {
    target: 'crl',
    name: 'a list is believed that nobody signed',
    file: 'src/pki/crl.ts',
    find: 'const isGood = algorithm !== undefined && key.verifySigned(algorithm, this.#signed, this.#signature);',
    replace: 'const isGood = algorithm !== undefined && key.schemes.length > 0;',
  },
  {
    target: 'crl',
    name: 'the last entry of several is lost',
    file: 'src/pki/crl.ts',
    find: 'revoked.set(serialNumber, { date, reason });',
    replace: 'if (!list.atEnd || revoked.size === 0) revoked.set(serialNumber, { date, reason });',
  },
  {
    target: 'ocsp',
    name: 'a response is believed that nobody signed',
    file: 'src/pki/stapled.ts',
    find: 'return key.verifySigned(algorithm, response.toBeSigned, response.signature);',
    replace: 'return key.schemes.length > 0;',
  },
  {
    target: 'ocsp',
    name: 'unknown is as good as good',
    file: 'src/pki/stapled.ts',
    find: "const good = current.filter(({ status }) => status === 'good');",
    replace: 'const good = current;',
  },
  {
    target: 'pem',
    name: 'Base64 has a second form',
    file: 'src/net/pem.ts',
    find: "if (bytes.toString('base64') !== text)",
    replace: 'if (bytes.length === 0)',
  },
  {
    target: 'pem',
    name: 'an error shows what is in the text',
    file: 'src/net/pem.ts',
    find: ' is not Base64; was it cut or changed on the way?',
    replace: ` is not Base64: ${placeholder('body')}`,
  },
  {
    target: 'arguments',
    name: 'a number is not looked at',
    file: 'src/cli/arguments.ts',
    find: 'if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };',
    replace: 'if (host !== undefined) return { host, port };',
  },
  {
    target: 'arguments',
    name: 'a mistake is another error',
    file: 'src/cli/arguments.ts',
    find: 'if (missing !== undefined) throw new UsageError(',
    replace: 'if (missing !== undefined) throw new Error(',
  },
  {
    target: 'arguments',
    name: 'a message has several lines',
    file: 'src/cli/arguments.ts',
    find: 'super(oneLine(message));',
    replace: 'super(message);',
  },
];

/** What a template of the source has in it. */
function placeholder(name: string): string {
  return `$\{${name}}`;
}
