import { describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { certificatesFrom, certificatesFromPem, keyFromPem, pemBlocks } from '../../src/net/pem.ts';
import { rootCertificate, serverCertificate, testKey, toPem } from '../support/certificates.ts';

function usage(call: () => unknown, pattern: RegExp): TlsUsageError {
  let caught: unknown;
  try {
    call();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(TlsUsageError);
  expect((caught as TlsUsageError).message).toMatch(pattern);
  return caught as TlsUsageError;
}

describe('certificates', () => {
  test('come in order out of one text, with explanations around them and any line ends', async () => {
    const root = await rootCertificate();
    const leaf = await serverCertificate(root);
    const text = `subject=CN=a\n${leaf.pem}\n 1 s:CN=b\n   i:CN=c\n${root.pem}trailing`;
    for (const variant of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\n  ')]) {
      expect(certificatesFromPem(variant, 'cert')).toEqual([leaf.der, root.der]);
    }
    expect(certificatesFrom(Buffer.from(text), 'cert')).toEqual([leaf.der, root.der]);
    expect(certificatesFrom(text, 'cert')).toEqual([leaf.der, root.der]);
  });

  test('in DER are copied', async () => {
    const { der } = await rootCertificate();
    const given = Uint8Array.from(der);
    const [copy] = certificatesFrom(given, 'cert');
    given.fill(0);
    expect(copy).toEqual(der);
  });

  test('are the only thing that is taken: the error names what was found, never what is in it', async () => {
    const root = await rootCertificate();
    const secret = root.keyPem.split('\n')[1]!;
    const error = usage(
      () => certificatesFromPem(root.pem + root.keyPem, 'cert'),
      /^cert: .*"PRIVATE KEY" as block 2/,
    );
    expect(error.message).not.toContain(secret);
    const trusted = toPem('TRUSTED CERTIFICATE', root.der);
    usage(() => certificatesFromPem(trusted, 'cert'), /expected CERTIFICATE .*"TRUSTED CERTIFICATE"/);
    usage(() => certificatesFromPem(toPem('X509 CRL', root.der), 'ca[1]'), /^ca\[1\]: .*"X509 CRL"/);
  });

  test('must be there', () => {
    usage(() => certificatesFromPem('', 'cert'), /no PEM block.*empty/);
    usage(() => certificatesFromPem('./server.pem', 'cert'), /path/);
    usage(() => certificatesFrom(new Uint8Array(0), 'cert'), /empty/);
    usage(() => certificatesFrom(Uint8Array.of(0x30, 3, 1, 1, 0xff), 'cert'), /no PEM block/);
    usage(() => certificatesFrom(null as never, 'cert'), /got null/);
    usage(() => certificatesFrom({} as never, 'cert'), /got object/);
  });

  test('must be whole: both boundaries, under one label', async () => {
    const { pem } = await rootCertificate();
    const lines = pem.trimEnd().split('\n');
    usage(() => certificatesFromPem(lines.slice(0, -1).join('\n'), 'cert'), /"CERTIFICATE" has no END line/);
    usage(
      () => certificatesFromPem(lines.slice(1).join('\n'), 'cert'),
      /"CERTIFICATE" ends that never began/,
    );
    usage(() => certificatesFromPem(`${lines.slice(0, -1).join('\n')}\n${pem}`, 'cert'), /not closed/);
    usage(() => certificatesFromPem(pem.replace('END CERTIFICATE', 'END KEY'), 'cert'), /not closed/);
  });

  test('must be Base64 in its one form', () => {
    const block = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`;
    expect(certificatesFromPem(block('MAA='), 'cert')).toEqual([Uint8Array.of(0x30, 0)]);
    expect(certificatesFromPem(block('MA\nA ='), 'cert')).toEqual([Uint8Array.of(0x30, 0)]);
    for (const body of [
      '',
      'MAA',
      'MAA==',
      'MA-A',
      'MAA=MAA=',
      'MAB=',
      'Proc-Type: 4,ENCRYPTED\n\nMAA=',
      'MAÄ=',
    ]) {
      usage(() => certificatesFromPem(block(body), 'cert'), /^cert: block 1 \(CERTIFICATE\) is not Base64/);
    }
  });
});

describe('keys', () => {
  test('are one private key, of any of the usual labels, behind its curve or not', () => {
    const ec = testKey('p256').export({ format: 'pem', type: 'sec1' }).toString();
    const parameters = toPem('EC PARAMETERS', Uint8Array.of(6, 1, 1));
    expect(keyFromPem(ec, 'key')).toMatchObject({ encrypted: false });
    expect(keyFromPem(parameters + ec, 'key')).toMatchObject({ encrypted: false });
    expect(keyFromPem(toPem('PRIVATE KEY', Uint8Array.of(1)), 'key')).toMatchObject({ encrypted: false });
    expect(keyFromPem(toPem('ENCRYPTED PRIVATE KEY', Uint8Array.of(1)), 'key')).toMatchObject({
      encrypted: true,
    });
    const old = testKey('rsa2048').export({
      format: 'pem',
      type: 'pkcs1',
      cipher: 'aes-128-cbc',
      passphrase: 'x',
    });
    expect(keyFromPem(old.toString(), 'key')).toMatchObject({ encrypted: true });
  });

  test('are nothing else', async () => {
    const root = await rootCertificate();
    usage(() => keyFromPem(root.pem, 'key'), /^key: expected a private key .*"CERTIFICATE"/);
    usage(() => keyFromPem(toPem('PUBLIC KEY', Uint8Array.of(1)), 'key'), /"PUBLIC KEY"/);
    usage(() => keyFromPem(root.keyPem + root.pem, 'key'), /"CERTIFICATE"/);
    usage(() => keyFromPem(root.keyPem + root.keyPem, 'key'), /expected one private key, found 2/);
    usage(() => keyFromPem('', 'key'), /empty/);
    usage(() => keyFromPem('server.key', 'key'), /path/);
  });
});

test('blocks of any label are found', () => {
  const text = `${toPem('A B-C', Uint8Array.of(1))}-----BEGIN no end----\n${toPem('D', Uint8Array.of(2))}`;
  expect(pemBlocks(text, 'x').map(({ label }) => label)).toEqual(['A B-C', 'D']);
});
