import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ByteStream, fromDuplex, serverConfig, TlsStream } from '../../src/index.ts';
import { certificates } from './run.ts';

/** What came over one connection of a mail server. */
export interface Mail {
  /** Commands, each with where it was said. */
  readonly commands: readonly (readonly ['plain' | 'TLS', string])[];
  readonly message: string;
  readonly failure: unknown;
}

/** Lines of a stream; knows what it has read too much. */
export class Lines {
  readonly #stream: ByteStream;
  #rest = Buffer.alloc(0);

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Undefined at the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf('\n') + 1;
      if (end > 0) {
        const line = this.#rest.subarray(0, end).toString('latin1').trimEnd();
        this.#rest = this.#rest.subarray(end);
        return line;
      }
      const bytes = await this.#stream.read();
      if (bytes === null) return undefined;
      this.#rest = Buffer.concat([this.#rest, bytes]);
    }
  }

  takeRest(): Uint8Array {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }
}

/** A mail server (RFC 5321) that takes one connection, and mail only over TLS (RFC 3207). */
export async function mailServer(): Promise<{ readonly port: number; readonly mail: Promise<Mail> }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const mail = once(server, 'connection').then(([socket]) => new MailServer().serve(fromDuplex(socket)));
  return { port: (server.address() as AddressInfo).port, mail };
}

class MailServer {
  readonly #commands: (readonly ['plain' | 'TLS', string])[] = [];
  #message = '';

  async serve(plain: ByteStream): Promise<Mail> {
    let failure: unknown;
    try {
      await say(plain, '220 tacit.example ESMTP');
      const preread = await this.#talk('plain', plain);
      if (preread !== undefined) {
        const { cert, key } = certificates.server();
        const identity = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
        const stream = TlsStream.server(plain, serverConfig({ identity }), {
          preread,
          truncation: 'tolerate',
        });
        await this.#talk('TLS', stream);
        // Who has said QUIT may be gone by now.
        await stream.close().catch(() => {});
      }
    } catch (error) {
      failure = error;
    }
    return { commands: this.#commands, message: this.#message, failure };
  }

  /** @returns what was read behind STARTTLS; undefined where the client has gone */
  async #talk(where: 'plain' | 'TLS', stream: ByteStream): Promise<Uint8Array | undefined> {
    const lines = new Lines(stream);
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      this.#commands.push([where, line]);
      const [verb = ''] = line.toUpperCase().split(' ');
      if (verb === 'EHLO')
        await say(stream, where === 'plain' ? '250-tacit.example\r\n250 STARTTLS' : '250 tacit.example');
      else if (verb === 'STARTTLS' && where === 'plain') {
        const rest = lines.takeRest();
        await say(stream, '220 go ahead');
        return rest;
      } else if (verb === 'QUIT') {
        await say(stream, '221 bye');
        return undefined;
      } else if (where === 'plain') await say(stream, '530 Must issue a STARTTLS command first');
      else if (verb === 'DATA') await this.#receive(stream, lines);
      else await say(stream, '250 OK');
    }
    return undefined;
  }

  async #receive(stream: ByteStream, lines: Lines): Promise<void> {
    await say(stream, '354 go on');
    for (let line = await lines.next(); line !== undefined && line !== '.'; line = await lines.next())
      this.#message += `${line}\n`;
    await say(stream, '250 OK');
  }
}

function say(stream: ByteStream, line: string): Promise<void> {
  return stream.write(Buffer.from(`${line}\r\n`, 'latin1'));
}
