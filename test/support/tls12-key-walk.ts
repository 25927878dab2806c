import { concatBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { Tls12CipherSuite } from '../../src/keys/tls12-cipher-suites.ts';
import type { Tls12WriteKeys } from '../../src/keys/tls12-key-schedule.ts';
import { Tls12RecordOpener, Tls12RecordSealer } from '../../src/keys/tls12-record-protection.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { recordHeaderLength } from '../../src/wire/record.ts';
import type { KeyWalk } from './plain-records.ts';

/** TLS 1.2 has one set of keys for each direction, and change_cipher_spec ahead of what is protected with them. */
export class Tls12KeyWalk implements KeyWalk {
  readonly #sealer: Tls12RecordSealer;
  readonly #opener: Tls12RecordOpener;
  #hasChanged = false;

  constructor(suite: Tls12CipherSuite, keys: Tls12WriteKeys) {
    this.#sealer = new Tls12RecordSealer(nodeCrypto, suite, keys);
    this.#opener = new Tls12RecordOpener(nodeCrypto, suite, keys);
  }

  protects([type]: Uint8Array): boolean {
    const isProtected = this.#hasChanged;
    if (type === contentTypes.change_cipher_spec) this.#hasChanged = true;
    return isProtected;
  }

  seal(type: number, content: Uint8Array): Uint8Array {
    return concatBytes(...this.#sealer.seal(type, [{ content: [content], padding: 0 }]));
  }

  open(record: Uint8Array): Uint8Array | undefined {
    const opened = this.#opener.open(
      record.subarray(0, recordHeaderLength),
      record.subarray(recordHeaderLength),
    );
    return opened && concatBytes(opened.content, Uint8Array.of(opened.type));
  }

  finished(): void {}

  keyUpdate(): void {}
}
