// smtp-server, which begins in plaintext and takes letters only over TLS.
import { SMTPServer } from 'smtp-server';
import { hashOf, identity, say, sayPort } from './common.mjs';

const server = new SMTPServer({
  ...identity(),
  authOptional: true,
  disabledCommands: ['AUTH'],
  onMailFrom: (_address, session, done) => done(session.secure ? null : new Error('STARTTLS first')),
  async onData(stream, { secure, tlsOptions }, done) {
    const letter = Buffer.concat(await stream.toArray());
    say({ secure, version: tlsOptions.version, hash: hashOf(letter) });
    done(null, 'taken');
  },
});
server.on('error', (error) => say({ error: error.message }));
sayPort(server.server);
