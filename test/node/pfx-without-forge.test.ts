import Module from 'node:module';
import { expect, test, vi } from 'vitest';
import { selfSignedCertificate } from '../support/certificates.ts';
import { faces } from '../support/node-faces.ts';
import { defaultPassphrase, pkcs12Of } from '../support/pkcs12.ts';

// In a process of its own: once it is loaded, it is there.
test('without node-forge, `pfx` is refused by name, with what to install; nothing else asks for it', async () => {
  const loader = Module as unknown as { _resolveFilename(name: string, ...more: unknown[]): string };
  const resolve = loader._resolveFilename;
  vi.spyOn(loader, '_resolveFilename').mockImplementation((name, ...more) => {
    if (name !== 'node-forge') return resolve.call(loader, name, ...more);
    throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
  });
  const made = await selfSignedCertificate();
  const { createSecureContext, createServer } = faces.tacit;
  const options = { pfx: pkcs12Of([made]), passphrase: defaultPassphrase };
  for (const make of [createSecureContext, createServer])
    expect(() => make(options)).toThrow(
      expect.objectContaining({
        code: 'TLS_USAGE',
        message: expect.stringMatching(/^pfx: .* node-forge, which is not there: npm install node-forge, or/),
      }),
    );
  createSecureContext({ key: made.keyPem, cert: made.pem });
});
