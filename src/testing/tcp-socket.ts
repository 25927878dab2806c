import { ByteQueue, pieceLength } from './byte-queue.ts';
import type { VirtualClock } from './clock.ts';
import type { SeededRandom } from './random.ts';
import { type RawSocket, type SystemErrorCode, systemError } from './raw-socket.ts';
import type { Trace } from './trace.ts';

/**
 * What happens to received bytes that nobody has read when something goes wrong. Both of Node's are `keep` beneath:
 * - `keep`: a reset leaves them readable, as on Linux.
 * - `discard`: a reset throws them away, as RFC 9293 §3.10.7.4 has it.
 * - `node20`: a reset behind unread bytes is reported as a clean end, as in Node 20 and 22.
 * - `nodeWriteError`: a failed write throws them away, as Node's sockets do.
 */
export type TcpDialect = 'keep' | 'discard' | 'node20' | 'nodeWriteError';

/** What both ends of a connection have in common. */
export interface TcpConnection {
  readonly clock: VirtualClock;
  readonly trace: Trace;
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  readonly latency: number;
  readonly dialect: TcpDialect;
  /** Varies the length of segments and the time that they take. */
  readonly random: SeededRandom | undefined;
}

/** What travels. A window update says how much was read, and an acknowledgement that our FIN has arrived. */
type Segment =
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'FIN' }
  | { readonly type: 'RST' }
  | { readonly type: 'window'; readonly bytes: number }
  | { readonly type: 'finAcknowledged' };

/**
 * One end of a TCP connection: what a kernel does with the calls of a program and with segments. There is no loss, no
 * congestion window (a small `receiveBuffer` does what a small one does), no Nagle and no timeout.
 */
export class TcpSocket implements RawSocket {
  onChange: () => void = () => {};

  readonly #connection: TcpConnection;
  readonly #end: 0 | 1;
  #peer: TcpSocket = this;
  readonly #received = new ByteQueue();
  readonly #unsent = new ByteQueue();
  /** What the peer has room for, as far as we know. */
  #window: number;
  /** Room that the peer does not know of. */
  #unannounced = 0;
  #fin: 'no' | 'queued' | 'sent' = 'no';
  #isFinAcknowledged = false;
  #hasReceivedFin = false;
  /** Given once, to whichever call comes first. */
  #error: 'ECONNRESET' | 'EPIPE' | undefined;
  /** Set where received bytes were thrown away: then no read may say that this is the end. */
  #inputLost: SystemErrorCode | undefined;
  #isDead = false;
  /** The program has not closed it. */
  #isOpen = true;
  /** When what was sent last arrives. */
  #lastArrival = 0;
  #isWriteWaiting = false;

  static pair(connection: TcpConnection): [TcpSocket, TcpSocket] {
    const ends: [TcpSocket, TcpSocket] = [new TcpSocket(connection, 0), new TcpSocket(connection, 1)];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  private constructor(connection: TcpConnection, end: 0 | 1) {
    this.#connection = connection;
    this.#end = end;
    this.#window = connection.receiveBuffer;
  }

  /** Received and not read. */
  get unread(): number {
    return this.#received.length;
  }

  /** Written, and still here because the peer has no room. */
  get unsent(): number {
    return this.#unsent.length;
  }

  /** Both directions are over, or there was a reset. */
  get isDead(): boolean {
    return this.#isDead;
  }

  write(bytes: Uint8Array): number {
    if (this.#isDead || this.#fin !== 'no') throw this.#writeError();
    const count = Math.min(bytes.length, this.#connection.sendBuffer - this.#unsent.length);
    if (count === 0 && bytes.length > 0) {
      if (!this.#isWriteWaiting) this.#note('write waits');
      this.#isWriteWaiting = true;
      return 0;
    }
    this.#isWriteWaiting = false;
    this.#note('write', count);
    this.#unsent.push(bytes.slice(0, count));
    this.#transmit();
    return count;
  }

  read(limit: number = pieceLength): Uint8Array | null | undefined {
    const { dialect } = this.#connection;
    if (this.#received.length > 0) {
      if (dialect === 'node20' && this.#isDead) this.#error = undefined;
      const bytes = this.#received.take(limit);
      this.#note('read', bytes.length);
      this.#announce(bytes.length);
      return bytes;
    }
    if (this.#inputLost !== undefined) {
      this.#takeError();
      this.#note(this.#inputLost);
      throw systemError(this.#inputLost);
    }
    if (this.#hasReceivedFin) return this.#noteEnd();
    const code = this.#takeError();
    if (code !== undefined) {
      this.#note(code);
      throw systemError(code);
    }
    return this.#isDead ? this.#noteEnd() : undefined;
  }

  cancelRead(): void {}

  shutdown(): void {
    if (this.#isDead) {
      this.#note('ENOTCONN');
      throw systemError('ENOTCONN');
    }
    this.#note('half-close');
    this.#queueFin();
  }

  close(): void {
    if (this.#isOpen) this.#close(false);
  }

  reset(): void {
    if (this.#isOpen) this.#close(true);
  }

  /** Tells the peer of new room once it is worth it: small windows beget small segments (RFC 9293 §3.8.6.2.2). */
  #announce(bytes: number): void {
    this.#unannounced += bytes;
    if (this.#isDead || 2 * this.#unannounced < this.#connection.receiveBuffer) return;
    this.#send({ type: 'window', bytes: this.#unannounced });
    this.#unannounced = 0;
  }

  #close(isHard: boolean): void {
    this.#isOpen = false;
    const unread = this.#received.length;
    this.#note(`${isHard ? 'reset' : 'close'}${unread > 0 ? `, unread: ${unread}` : ''}`);
    this.#received.clear();
    if (this.#isDead) return;
    // RFC 9293 §3.6.1 and RFC 1122 §4.2.2.13: unread bytes would be lost, so the peer is told.
    if (isHard || unread > 0) this.#abort();
    else this.#queueFin();
  }

  #queueFin(): void {
    if (this.#fin === 'no') this.#fin = 'queued';
    this.#transmit();
  }

  /** Sends what the peer has room for, and the FIN, for which it needs none. */
  #transmit(): void {
    if (this.#isDead) return;
    while (this.#unsent.length > 0 && this.#window > 0) {
      const most = Math.min(this.#unsent.length, this.#window);
      const bytes = this.#unsent.take(this.#segmentLength(most));
      this.#window -= bytes.length;
      this.#send({ type: 'data', bytes });
    }
    if (this.#fin !== 'queued' || this.#unsent.length > 0) return;
    this.#fin = 'sent';
    this.#send({ type: 'FIN' });
  }

  /** Half of the segments stay whole, or small ones would beget ever smaller ones. */
  #segmentLength(most: number): number {
    const { random } = this.#connection;
    return random?.integer(0, 1) === 1 ? random.integer(1, most) : most;
  }

  #send(segment: Segment): void {
    const { clock, latency, random, trace } = this.#connection;
    const travel = latency + (random?.integer(0, Math.max(1, latency)) ?? 0);
    // Segments keep their order, the reset among them.
    const arrives = Math.max(this.#lastArrival, clock.now + travel);
    this.#lastArrival = arrives;
    if (segment.type === 'data' || segment.type === 'FIN' || segment.type === 'RST') {
      const bytes = segment.type === 'data' ? segment.bytes.length : undefined;
      trace.add({ kind: 'arrow', time: clock.now, end: this.#end, text: segment.type, bytes, arrives });
    }
    clock.after(arrives - clock.now, () => this.#peer.#arrive(segment));
  }

  #arrive(segment: Segment): void {
    if (this.#isDead) return;
    switch (segment.type) {
      case 'data':
        if (this.#isOpen) this.#received.push(segment.bytes);
        else this.#abort();
        break;
      case 'FIN':
        this.#hasReceivedFin = true;
        this.#send({ type: 'finAcknowledged' });
        break;
      case 'RST':
        this.#resetByPeer();
        break;
      case 'window':
        this.#window += segment.bytes;
        this.#transmit();
        break;
      case 'finAcknowledged':
        this.#isFinAcknowledged = true;
        break;
    }
    if (this.#isFinAcknowledged && this.#hasReceivedFin) this.#isDead = true;
    this.onChange();
  }

  /** We reset the connection: what we had not sent is lost. */
  #abort(): void {
    this.#isDead = true;
    if (this.#unsent.length > 0) this.#note('unsent, lost:', this.#unsent.length);
    this.#unsent.clear();
    this.#send({ type: 'RST' });
  }

  #resetByPeer(): void {
    this.#error = this.#hasReceivedFin && this.#fin === 'no' ? 'EPIPE' : 'ECONNRESET';
    this.#isDead = true;
    if (this.#unsent.length > 0) this.#note('unsent, lost:', this.#unsent.length);
    this.#unsent.clear();
    if (this.#connection.dialect === 'discard') this.#loseInput('ECONNRESET');
  }

  #writeError(): Error {
    const code = this.#takeError() ?? 'EPIPE';
    this.#note(`write: ${code}`);
    if (this.#isDead && this.#connection.dialect === 'nodeWriteError') this.#loseInput(code);
    return systemError(code);
  }

  #loseInput(code: SystemErrorCode): void {
    if (this.#received.length === 0) return;
    this.#note('unread, lost:', this.#received.length);
    this.#received.clear();
    this.#inputLost = code;
  }

  #takeError(): 'ECONNRESET' | 'EPIPE' | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  #noteEnd(): null {
    this.#note('end');
    return null;
  }

  #note(text: string, bytes?: number): void {
    const { clock, trace } = this.#connection;
    trace.add({ kind: 'note', time: clock.now, end: this.#end, text, bytes });
  }
}
