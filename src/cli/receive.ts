import { listen, serve, type TlsListener, type TlsStream, TlsTruncatedError } from '../index.ts';
import {
  formatHostPort,
  parseArguments,
  parseWhole,
  readTextFile,
  requirePositionals,
  UsageError,
} from './arguments.ts';
import type { Command } from './command.ts';
import { makeDevelopmentCertificate, validDays } from './development-certificate.ts';
import { abandon, describeFailure } from './failure.ts';
import { formatBytes } from './format.ts';
import { parseTarget, type Target, type UploadFile } from './receive-target.ts';
import { onlyVersion, parseTlsVersion } from './tls-version.ts';

const defaultPort = 6514;

const help = `tacit receive: receive files over TLS

Usage: tacit receive --out FILE|DIR/|- [--host HOST] [--port PORT]
                     [--cert FILE --key FILE] [--tls VERSION]

What a client sends until it says close_notify is one upload. An upload that
ends in any other way is truncated, and reported so; what arrived is kept.

Options:
  --out FILE     one upload into FILE, replacing what was there; then exit
  --out -        one upload to the standard output; then exit. All that is
                 reported goes to stderr
  --out DIR/     each upload into a file of its own, until interrupted. It is
                 called NAME.part while it arrives, NAME when it is whole and
                 NAME.truncated when it is not
  --host HOST    the address to listen on (127.0.0.1)
  --port PORT    the port to listen on (${defaultPort}); 0 takes any free one
  --cert FILE    certificate chain (PEM)
  --key FILE     its private key (PEM)
  --tls VERSION  speak that version of TLS and no other, 1.2 or 1.3; without it,
                 both

Without --cert and --key it makes and prints a self-signed certificate for
localhost, 127.0.0.1 and ::1, for development: a client that is given it, by
--ca FILE, trusts it.

The first SIGINT or SIGTERM stops listening and waits for the uploads that are
under way; the second cuts them off.

Exit status: with FILE or '-' 0 if the upload is whole, 1 if not; with DIR/ 0.
`;

const options = {
  out: { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: String(defaultPort) },
  cert: { type: 'string' },
  key: { type: 'string' },
  tls: { type: 'string' },
} as const;

/** `tacit receive`: uploads into a file, a directory or the standard output. */
export const receive: Command = {
  summary: 'receive files into a directory, a file or the standard output',
  help,
  async run(args): Promise<number> {
    const { values, positionals } = parseArguments(args, options);
    requirePositionals(positionals, []);
    if (values.out === undefined)
      throw new UsageError('--out is missing: name a FILE, a directory as DIR/, or -');
    const port = parseWhole(values.port, '--port', 0, 65_535);
    const version = parseTlsVersion(values.tls);
    const given = readIdentity(values.cert, values.key);
    const target = parseTarget(values.out);
    const print = printer(target);
    const development = given === undefined ? await makeDevelopmentCertificate() : undefined;
    const identity = given ?? development!;
    const listener = await listen({ host: values.host, port, identity, ...onlyVersion(version) });
    // Runs before it says so: who reads that line may send a signal at once.
    const status = new Receiver(listener, target, print).run();
    if (development !== undefined) print(introduce(development.cert));
    print(`listening on ${formatHostPort(listener.address)}`);
    return status;
  },
};

function readIdentity(
  cert: string | undefined,
  key: string | undefined,
): { cert: string; key: string } | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new UsageError('--key needs --cert: give both or neither');
  if (key === undefined) throw new UsageError('--cert needs --key: give both or neither');
  return { cert: readTextFile(cert, '--cert'), key: readTextFile(key, '--key') };
}

function introduce(cert: string): string {
  return `self-signed development certificate for localhost, 127.0.0.1 and ::1, for ${validDays} days.
A client trusts it if it is given it: save these lines as dev.pem, then
  npx tacit-tls send FILE HOST:PORT --ca dev.pem
${cert.trimEnd()}`;
}

type Print = (line: string) => void;

function printer(target: Target): Print {
  const stream = target.isStdout ? process.stderr : process.stdout;
  return (line) => void stream.write(`${line}\n`);
}

class Receiver {
  readonly #listener: TlsListener;
  readonly #target: Target;
  readonly #print: Print;
  readonly #running = new Set<TlsStream>();
  readonly #reported = new WeakSet<TlsStream>();
  #uploads = 0;
  #wholeUploads = 0;
  #interrupted = false;
  #cutOff = false;

  constructor(listener: TlsListener, target: Target, print: Print) {
    this.#listener = listener;
    this.#target = target;
    this.#print = print;
  }

  /** @returns the exit status */
  async run(): Promise<number> {
    const interrupt = (): void => this.#interrupt();
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    try {
      await serve(this.#listener, (stream) => this.#receive(stream), {
        // Uploads under way have all the time they need: only a second signal cuts them off.
        shutdownTimeout: Number.POSITIVE_INFINITY,
        onError: (error, stream) => {
          // What happens behind a reported upload, while it closes, does not change it.
          if (!this.#reported.has(stream)) this.#print(`connection failed: ${describeFailure(error)}`);
        },
      });
    } finally {
      process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
    }
    return this.#target.takesOne && this.#wholeUploads === 0 ? 1 : 0;
  }

  async #receive(stream: TlsStream): Promise<void> {
    if (this.#target.takesOne) {
      if (this.#uploads > 0) throw new Error('this receiver takes one upload, and has it');
      void this.#listener.close();
    }
    this.#uploads += 1;
    const upload = this.#uploads;
    this.#running.add(stream);
    try {
      await this.#save(stream, upload);
      this.#reported.add(stream);
    } finally {
      this.#running.delete(stream);
    }
  }

  /** Reads to the end, whichever it is, and reports it: only a close_notify makes an upload whole. */
  async #save(stream: TlsStream, upload: number): Promise<void> {
    const peer = stream.remoteAddress;
    const label = `upload ${upload}${peer === undefined ? '' : ` from ${formatHostPort(peer)}`}`;
    let bytes = 0;
    let file: UploadFile | undefined;
    try {
      file = await this.#target.open();
      for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
        await file.write(chunk);
        bytes += chunk.length;
      }
      const name = await file.finish(true);
      this.#wholeUploads += 1;
      this.#print(`${label}: complete, ${formatBytes(bytes)}, ended by close_notify: ${name}`);
    } catch (error) {
      abandon(stream);
      const name = file === undefined ? 'nothing was kept' : await file.finish(false);
      this.#print(`${label}: truncated after ${formatBytes(bytes)}, ${this.#reason(error)}: ${name}`);
    }
  }

  #reason(error: unknown): string {
    if (error instanceof TlsTruncatedError) return 'ended without close_notify';
    return this.#cutOff ? 'cut off here' : describeFailure(error);
  }

  #interrupt(): void {
    if (this.#interrupted) {
      this.#cutOff = true;
      for (const stream of this.#running) stream.destroy();
      return;
    }
    this.#interrupted = true;
    void this.#listener.close();
    if (this.#running.size > 0) {
      this.#print(`waiting for ${this.#running.size} running upload(s); interrupt again to cut them off`);
    }
  }
}
