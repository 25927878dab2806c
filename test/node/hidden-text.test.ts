import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { toPem } from '../support/certificates.ts';
import { ascii } from '../support/der.ts';
import { closeServers, faces, listening, pairs } from '../support/node-faces.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  rawCertificate,
  rawExtension,
} from '../support/raw-certificates.ts';

afterEach(closeServers);

const [rootKey, key, forgedKey] = [newKey(), newKey(), newKey()];
const rootName = commonName('Root');
const root = rawCertificate({
  subject: rootName,
  issuer: rootName,
  key: rootKey,
  signer: rootKey,
  extensions: [authority],
});
/** Signed by nobody that counts. */
const forged = rawCertificate({
  subject: commonName('localhost'),
  issuer: rootName,
  key: forgedKey,
  signer: forgedKey,
  extensions: [dnsNames('localhost')],
});
/** A genuine certificate, with the text of the forged one in what nobody reads. */
const carrier = rawCertificate({
  subject: commonName('attacker.example'),
  issuer: rootName,
  key,
  signer: rootKey,
  extensions: [
    dnsNames('attacker.example'),
    rawExtension('1.3.6.1.4.1.99999.1', false, ascii(`\n${toPem('CERTIFICATE', forged)}\n`)),
  ],
});

const ca = toPem('CERTIFICATE', root);
const identity = {
  cert: toPem('CERTIFICATE', carrier),
  key: key.export({ format: 'pem', type: 'pkcs8' }) as string,
};

/** Names that Node's objects for the peer's certificate say. */
function namesOf(socket: TLSSocket): unknown[] {
  const { subject, subjectaltname } = socket.getPeerCertificate(true);
  return [subject.CN, subjectaltname, socket.getPeerX509Certificate()?.subjectAltName];
}
const own = ['attacker.example', 'DNS:attacker.example', 'DNS:attacker.example'];

describe.each(pairs)(
  'text of a certificate that is hidden in one: a client of %s, a server of %s',
  (from, at) => {
    test('is not what the server is known by', async () => {
      const { port } = await listening(faces[at], identity);
      const options = { port, host: '127.0.0.1', servername: 'localhost', ca };
      const [error] = await once(faces[from].connect(options), 'error');
      expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
      const socket = faces[from].connect({ ...options, checkServerIdentity: () => undefined });
      await once(socket, 'secureConnect');
      expect(namesOf(socket)).toEqual(own);
      socket.destroy();
    });

    test('is not what a client is known by', async () => {
      const server = await listening(faces[at], { ...identity, ca, requestCert: true });
      const secured = once(server.server, 'secureConnection');
      const socket = faces[from].connect({
        ...identity,
        port: server.port,
        host: '127.0.0.1',
        servername: 'attacker.example',
        ca,
      });
      const [accepted] = (await secured) as [TLSSocket];
      expect(accepted.authorized).toBe(true);
      expect(namesOf(accepted)).toEqual(own);
      socket.destroy();
    });
  },
);
