import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { type ClientOrder, type ClientReport, clientRole, dial } from './lab-client.ts';
import { type Ending, LabError, type LabServer, pause } from './lab-server.ts';
import { Arrived } from './lab-upload.ts';
import { onlyVersion, type TlsVersion } from './tls-version.ts';

/** What one upload came to. */
export interface RoundResult {
  readonly arrived: number;
  readonly ending: Ending;
}

/**
 * How late the reader starts at most. It starts sooner when the client has closed; a client with more to send
 * than the kernel holds cannot close before somebody reads.
 */
const latestStart = 400;
/** A child process has to come up and shake hands within this. */
const startDeadline = 10_000;
/** No byte more and no end for so long: nothing will come. */
const silenceDeadline = 4_000;
/** Tickets that were sent with the handshake are there long before. */
const ticketWait = 150;

/** One upload by a client process that only writes, to an application that starts to read late. */
export async function runRound(server: LabServer, order: Omit<ClientOrder, 'port'>): Promise<RoundResult> {
  const arrived = new Arrived();
  const late = signalled();
  const reception = await server.receive({ start: late.promise, take: (bytes) => arrived.take(bytes) });
  reception.ended.catch(() => {});
  const client = new ClientProcess({ port: reception.port, ...order });
  const stop = new AbortController();
  try {
    await Promise.race([
      client.stopped,
      reception.ended.then(() => client.stopped),
      deadline(startDeadline, 'the client did not get through its handshake', stop.signal),
    ]);
    await Promise.race([client.closed, pause(latestStart, stop.signal)]);
    late.signal();
    const silence = watchSilence(arrived, stop.signal);
    const ending = await Promise.race([reception.ended, silence]);
    await Promise.race([client.closed, silence]);
    if (!(await arrived.isStartOf(order.upload))) throw new LabError('other bytes arrived than were sent');
    return { arrived: arrived.length, ending };
  } finally {
    stop.abort();
    late.signal();
    client.kill();
    reception.cancel();
  }
}

/**
 * What a client that does read learns of a server: the version that both speak, and how many session tickets come
 * behind the handshake, before the server's application writes anything. They are counted after that has received a
 * byte, and so has certainly seen the end of the handshake.
 * @param ca PEM: the server's certificate
 */
export async function probe(
  server: LabServer,
  ca: string,
  version: TlsVersion | undefined,
): Promise<{ readonly version: TlsVersion; readonly ticketsBeforeData: number }> {
  const received = signalled();
  const reception = await server.receive({ start: Promise.resolve(), take: received.signal });
  reception.ended.catch(() => {});
  const stop = new AbortController();
  const transport = await dial(reception.port, () => {});
  const tls = connect({ socket: transport, ca, servername: 'localhost', ...onlyVersion(version) });
  try {
    let sessions = 0;
    let negotiated: TlsVersion = '1.3';
    let bytesInHandshake = 0;
    tls.on('session', () => {
      sessions += 1;
    });
    tls.on('secureConnect', () => {
      if (tls.getProtocol() === 'TLSv1.2') negotiated = '1.2';
      bytesInHandshake = transport.bytesRead;
    });
    const failed = new Promise<never>((_, reject) => {
      tls.on('error', (error) => reject(new LabError(`the tickets could not be counted: ${error.message}`)));
    });
    tls.write('x');
    const late = deadline(startDeadline, `${server.name} did not receive one byte`, stop.signal);
    await Promise.race([received.promise, failed, late]);
    await pause(ticketWait);
    // The session of TLS 1.2 is told here too, but its ticket came within the handshake: behind it comes no byte.
    const ticketsBeforeData = transport.bytesRead > bytesInHandshake ? sessions : 0;
    return { version: negotiated, ticketsBeforeData };
  } finally {
    stop.abort();
    tls.destroy();
    reception.cancel();
  }
}

/** The child process, and the moments that it reports. */
class ClientProcess {
  /** Its handshake is done and it reads no more. Rejects where it comes to nothing. */
  readonly stopped: Promise<number>;
  /** It has closed, without having read, or has failed in between. */
  readonly closed: Promise<void>;
  readonly #child: ChildProcess;
  readonly #kill = (): boolean => this.#child.kill('SIGKILL');

  constructor(order: ClientOrder) {
    const program = process.argv[1] ?? '';
    this.#child = spawn(process.execPath, [program, clientRole, JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', this.#kill);
    const reports = this.#listen();
    this.stopped = reports.stopped;
    this.closed = reports.closed;
    this.stopped.catch(() => {});
    this.closed.catch(() => {});
  }

  kill(): void {
    process.removeListener('exit', this.#kill);
    this.#kill();
  }

  #listen(): { stopped: Promise<number>; closed: Promise<void> } {
    let failure = 'the client process ended before its time';
    let resolveStopped: (bytesRead: number) => void = () => {};
    const stopped = new Promise<number>((resolve, reject) => {
      resolveStopped = resolve;
      this.#child.once('error', (error) => reject(new LabError(`no client process: ${error.message}`)));
      // Comes after the last line of stdout; does nothing if the handshake had been reported.
      this.#child.once('close', () => reject(new LabError(`the client failed: ${failure}`)));
    });
    const closed = new Promise<void>((resolve, reject) => {
      let bytesReadInHandshake = 0;
      createInterface({ input: this.#child.stdout! }).on('line', (line) => {
        const report = JSON.parse(line) as ClientReport;
        if (report.event === 'stopped') {
          bytesReadInHandshake = report.bytesRead;
          resolveStopped(report.bytesRead);
        } else if (report.event === 'failed') {
          failure = report.message;
        } else if (report.bytesRead === bytesReadInHandshake) {
          resolve();
        } else {
          reject(new LabError('the client read after its handshake, which proves nothing'));
        }
      });
      this.#child.once('close', () => resolve());
    });
    return { stopped, closed };
  }
}

function signalled(): { readonly promise: Promise<void>; readonly signal: () => void } {
  let signal: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    signal = resolve;
  });
  return { promise, signal };
}

async function deadline(milliseconds: number, message: string, signal: AbortSignal): Promise<never> {
  await pause(milliseconds, signal);
  throw new LabError(message);
}

/** Resolves when nothing more has arrived for a while. */
async function watchSilence(arrived: Arrived, signal: AbortSignal): Promise<'nothing'> {
  for (let before = -1; before !== arrived.length; ) {
    before = arrived.length;
    await pause(silenceDeadline, signal);
  }
  return 'nothing';
}
