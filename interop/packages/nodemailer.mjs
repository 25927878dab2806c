// nodemailer with STARTTLS: a letter with an attachment, and a name that the server does not have.
import nodemailer from 'nodemailer';
import { ca, payload, port, say } from './common.mjs';

const letter = {
  from: 'a@example.org',
  to: 'b@example.org',
  subject: 'Subject',
  text: 'text',
  attachments: [{ filename: 'payload', content: payload }],
};

async function send(tls) {
  const transport = nodemailer.createTransport({
    host: 'localhost',
    port,
    requireTLS: true,
    tls: { ca, ...tls },
  });
  try {
    const { accepted, response } = await transport.sendMail(letter);
    return { accepted, response };
  } catch ({ code, originalCode }) {
    return { code, originalCode };
  } finally {
    transport.close();
  }
}

say({ sent: await send({}), refused: await send({ servername: 'other.example' }) });
