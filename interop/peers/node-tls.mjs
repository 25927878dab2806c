// A client and a server on node:tls, driven by the interop tests: see ../README.md for the protocol.
import { constants, createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import tls from 'node:tls';

const [, , side, ...args] = process.argv;
const options = Object.fromEntries(args.map((argument) => argument.split(/=(.*)/s).slice(0, 2)));
const exporterLabel = 'EXPORTER-tacit-interop';

/** OpenSSL's SSL_OP_NO_EXTENDED_MASTER_SECRET, which Node has no name for. */
const withoutExtendedMasterSecret = 1;

const list = (value) => value?.split(',');
const read = (path) => (path === undefined ? undefined : readFileSync(path));
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const logKey = (line) => process.env.SSLKEYLOGFILE && appendFileSync(process.env.SSLKEYLOGFILE, line);

const curves = { secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521', x25519: 'X25519' };
const curveNames = {
  prime256v1: 'secp256r1',
  secp384r1: 'secp384r1',
  secp521r1: 'secp521r1',
  X25519: 'x25519',
};

function commonOptions() {
  return {
    minVersion: list(options.versions).at(0),
    maxVersion: list(options.versions).at(-1),
    secureOptions:
      (options.tickets === '0' ? constants.SSL_OP_NO_TICKET : 0) |
      (options.ems === '0' ? withoutExtendedMasterSecret : 0),
    ca: read(options.ca),
    cert: read(options.cert),
    key: read(options.key),
    ALPNProtocols: list(options.alpn),
    ...(options.groups && {
      ecdhCurve: list(options.groups)
        .map((name) => curves[name])
        .join(':'),
    }),
    ...(options.suites && { ciphers: list(options.suites).join(':') }),
    ...(options.sigalgs && { sigalgs: list(options.sigalgs).join(':') }),
  };
}

function describe(socket) {
  const exported = (context) => socket.exportKeyingMaterial(32, exporterLabel, context).toString('hex');
  const ephemeral = side === 'client' ? socket.getEphemeralKeyInfo() : {};
  return {
    protocolVersion: socket.getProtocol(),
    resumed: socket.isSessionReused(),
    cipherSuite: socket.getCipher().standardName,
    group: curveNames[ephemeral.name] ?? undefined,
    alpnProtocol: socket.alpnProtocol || undefined,
    peerCertificate: socket.getPeerX509Certificate() !== undefined,
    exporter: exported(),
    exporterInContext: exported(Buffer.from('context')),
  };
}

/** Collects what arrives; `whole` resolves at `limit` bytes, or with no limit at the end. */
function receive(socket, limit) {
  const hash = createHash('sha256');
  let bytes = 0;
  const whole = new Promise((resolve, reject) => {
    const finish = () => resolve({ sha256: hash.copy().digest('hex'), bytes });
    socket.on('data', (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes === limit) finish();
    });
    socket.on('end', finish);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before the end')));
  });
  return { whole, bytes: () => bytes };
}

const ended = (socket) => new Promise((resolve) => socket.on('close', resolve));

async function connectOnce(payload, session) {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: Number(options.port),
    servername: options.name,
    session,
    allowHalfOpen: true,
    requestOCSP: options.ocsp !== undefined,
    ...commonOptions(),
  });
  let latest;
  let stapledResponse;
  socket.on('keylog', logKey);
  socket.on('OCSPResponse', (response) => {
    if (response) stapledResponse = createHash('sha256').update(response).digest('hex');
  });
  socket.on('session', (value) => {
    latest = value;
  });
  const received = receive(socket);
  const closed = ended(socket);
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const description = describe(socket);
    socket.write(payload);
    if (options.mode === 'upload') socket.end();
    const result = await received.whole;
    socket.end();
    await closed;
    say({ event: 'connection', ...description, stapledResponse, ...result });
  } catch (error) {
    socket.destroy();
    say({ event: 'connection', error: `${error.message} ${error.code ?? ''}` });
  }
  return latest;
}

async function runClient() {
  const payload = read(options.payload);
  let session;
  for (let i = 0; i < Number(options.connections ?? 1); i++) session = await connectOnce(payload, session);
}

async function serveOnce(socket, payload, lines) {
  const closed = ended(socket);
  try {
    const description = describe(socket);
    let result;
    if (options.mode === 'sink') {
      // Nothing is read before the test says so.
      socket.pause();
      say({ event: 'accepted' });
      await lines.next();
      const received = receive(socket);
      socket.resume();
      try {
        result = await received.whole;
      } catch (error) {
        result = { bytes: received.bytes(), error: `${error.message} ${error.code ?? ''}` };
      }
      socket.end();
    } else {
      result = await receive(socket, Number(options.expect)).whole;
      socket.end(payload);
    }
    await closed;
    say({ event: 'connection', ...description, ...result });
  } catch (error) {
    socket.destroy();
    say({ event: 'connection', error: `${error.message} ${error.code ?? ''}` });
  }
}

function runServer() {
  const payload = read(options.payload);
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  let left = Number(options.connections ?? 1);
  const server = tls.createServer({
    ...commonOptions(),
    allowHalfOpen: true,
    requestCert: options.ca !== undefined,
    rejectUnauthorized: true,
  });
  server.on('keylog', logKey);
  const response = read(options.ocsp);
  if (response !== undefined) server.on('OCSPRequest', (_certificate, _issuer, done) => done(null, response));
  if (options.tickets === '0') {
    // Node leaves it to programs to keep sessions by their IDs.
    const sessions = new Map();
    server.on('newSession', (id, session, done) => {
      sessions.set(id.toString('hex'), session);
      done();
    });
    server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
  }
  const countDown = () => {
    left--;
    if (left > 0) return;
    server.close();
    process.stdin.destroy();
  };
  server.on('secureConnection', (socket) => serveOnce(socket, payload, lines).then(countDown));
  server.on('tlsClientError', (error) => {
    say({ event: 'connection', error: `${error.message} ${error.code ?? ''}` });
    countDown();
  });
  server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
}

if (side === 'version')
  process.stdout.write(`Node ${process.version} with OpenSSL ${process.versions.openssl}\n`);
else if (side === 'client') await runClient();
else runServer();
