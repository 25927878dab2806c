import { X509Certificate } from 'node:crypto';
import { equalBytes, noBytes } from '../../src/base/bytes.ts';
import {
  type Certificate,
  nameOf,
  parseCertificate,
  parseEndEntity,
  subjectPublicKeyInfo,
} from '../../src/pki/certificate.ts';
import { children } from '../../test/support/der.ts';
import { demand, type Target } from '../engine/target.ts';
import { mutateDer } from '../support/der-tree.ts';
import { demandPlain, parsed } from '../support/pki.ts';

/** A certificate: taken only in the one DER form, and then read as a second reader and OpenSSL read it. */
export const certificate: Target = {
  maxLength: 6_000,
  maxTime: 200,
  mutate: mutateDer,
  run(input) {
    const found = parsed(input, parseEndEntity)?.value;
    const isTaken = parsed(input, parseCertificate) !== undefined;
    demand(isTaken === (found?.version === 3), 'what may be anywhere is not what is of version 3');
    if (!found) return;
    demandFields(found, input);
    for (const which of ['subject', 'issuer'] as const) demandPlain(nameOf(found, which));
    demand(equalBytes(subjectPublicKeyInfo(input), found.subjectPublicKeyInfo), 'two readers find two keys');
    const openssl = readByOpenssl(input);
    if (openssl) demandSame(found, openssl);
  },
};

/** RFC 5280 §4.1: every field is the one at its place. */
function demandFields(found: Certificate, der: Uint8Array): void {
  const [signed, algorithm] = children(der);
  // Version 1 is not written down, and nothing follows its key.
  const fields = [...(found.version === 1 ? [noBytes] : []), ...children(signed!)];
  demand(found.version === 3 || fields.length === 7, 'more than version 1 has');
  const places = [
    [found.toBeSigned, signed],
    [found.signatureAlgorithm, algorithm],
    [found.issuer, fields[3]],
    [found.subject, fields[5]],
    [found.subjectPublicKeyInfo, fields[6]],
  ] as const;
  for (const [own, other] of places) demand(equalBytes(own, other ?? der), 'a field is another one');
  demand(equalBytes(found.serialNumber, fields[1]!.subarray(-found.serialNumber.length)), 'another number');
}

function readByOpenssl(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    // It looks into texts, which are nothing to Tacit.
    return undefined;
  }
}

function demandSame(found: Certificate, openssl: X509Certificate): void {
  demand(equalBytes(new Uint8Array(openssl.raw), found.der), 'OpenSSL reads other bytes');
  const times = [
    [found.notBefore, openssl.validFrom],
    [found.notAfter, openssl.validTo],
  ] as const;
  for (const [own, text] of times) {
    // JavaScript takes smaller years for those of the last century.
    if (own >= Date.UTC(1000)) demand(own === Date.parse(text), `OpenSSL reads the time ${text}`);
  }
  if (openssl.ca) demand(found.basicConstraints?.ca === true, 'an authority to OpenSSL only');
  const purposes = openssl.keyUsage as readonly string[] | undefined;
  if (purposes) demand(found.extendedKeyUsage?.join() === purposes.join(), `other purposes: ${purposes}`);
}
