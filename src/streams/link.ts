import { readAhead } from '../base/defaults.ts';
import { type TlsError, TlsTimeoutError, TlsTruncatedError } from '../base/errors.ts';
import { nothing } from '../base/nothing.ts';
import type { ConnectionEvent, HandshakeInfo, Question } from '../connection/events.ts';
import type { TlsConnection } from '../connection/tls-connection.ts';
import type { ByteStream } from './byte-stream.ts';
import { Changes } from './changes.ts';
import { Deferred } from './deferred.ts';
import { BrokenError, brokenBy, type Closed, errorOf } from './errors.ts';
import { Fuse } from './fuse.ts';
import { IdleWatch } from './idle.ts';
import { Inbox } from './inbox.ts';
import { type Slots, tooManyHandshakes } from './slots.ts';
import { startTimer } from './timer.ts';
import { nextTurn, Turns } from './turns.ts';

/** After a failed write: how long an alert that explains it is looked for where the transport does not end, milliseconds. */
const alertSearchTimeout = 1_000;

export interface LinkOptions {
  /** Milliseconds. */
  readonly handshakeTimeout: number;
  /** Where handshakes in flight are counted. */
  readonly handshakeSlots: Slots | undefined;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Whether a FIN on a record boundary after the handshake is an end. */
  readonly toleratesTruncation: boolean;
  /** What is read and thrown away at most. */
  readonly drainBytes: number;
  readonly onKeyLog: ((line: string) => void) | undefined;
  /** A fatal alert was received, or is waiting in the engine's output. */
  readonly onFatal: (reason: Error) => void;
}

/**
 * What becomes of received bytes: delivered; decrypted and thrown away (after `close()`, to see an alert);
 * thrown away undecrypted (after a fatal alert); not even read.
 */
type Receiving = 'deliver' | 'drain' | 'discard' | 'stopped';

/**
 * An engine on a transport: carries bytes between them, passes questions on, and knows what has become of both
 * halves. One transport read is outstanding whether or not anybody reads, up to a bound.
 */
export class Link {
  readonly engine: TlsConnection;
  readonly transport: ByteStream;
  readonly inbox: Inbox = new Inbox(readAhead);
  readonly handshake: Deferred<HandshakeInfo> = new Deferred();
  /** Why the application cannot write any more. */
  readonly writeHalf: Fuse = new Fuse();
  readonly changes: Changes = new Changes();
  /** Told when the transport has taken something. */
  onProgress: () => void = nothing;

  readonly #options: LinkOptions;
  readonly #turns = new Turns();
  readonly #idle: IdleWatch;
  #receiving: Receiving = 'deliver';
  #started = false;
  #advancing = false;
  #resting = false;
  /** The engine has nothing more to give until it gets input or an answer. */
  #pulled = false;
  /** The engine gave `end` or `failed`: it takes no more input. */
  #engineOver = false;
  #peerEnded = false;
  #fatal: Error | undefined;
  #inputEnd: { readonly error: BrokenError | undefined } | undefined;
  #outputBroken: BrokenError | undefined;
  #drainedBytes = 0;
  #cancelDeadline: (() => void) | undefined;

  constructor(engine: TlsConnection, transport: ByteStream, options: LinkOptions) {
    this.engine = engine;
    this.transport = transport;
    this.#options = options;
    this.#idle =
      options.idleTimeout === Number.POSITIVE_INFINITY
        ? IdleWatch.never
        : new IdleWatch(
            options.idleTimeout,
            () => this.inbox.isEmpty,
            () => this.#onIdle(),
          );
  }

  /** The reason that ended the connection: an alert, sent or received, or a handshake that did not succeed. */
  get fatal(): Error | undefined {
    return this.#fatal;
  }

  /** The peer's close_notify was read. */
  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  /** The transport's input is over: with an error, or with its end. */
  get inputEnd(): { readonly error: BrokenError | undefined } | undefined {
    return this.#inputEnd;
  }

  get isInputOver(): boolean {
    return this.#inputEnd !== undefined;
  }

  get isStopped(): boolean {
    return this.#receiving === 'stopped';
  }

  get drainedBytes(): number {
    return this.#drainedBytes;
  }

  /** From now on a handshake is in flight, and has to be finished within its time. */
  startDeadline(): void {
    if (this.#cancelDeadline !== undefined || this.handshake.settled) return;
    const { handshakeTimeout, handshakeSlots } = this.#options;
    this.#cancelDeadline = startTimer(handshakeTimeout, () => {
      if (this.handshake.settled) return;
      const limit = `${handshakeTimeout} ms`;
      this.engine.cancel(new TlsTimeoutError('handshake', `The handshake was not finished within ${limit}`));
      this.#pulled = false;
      this.advance();
    });
    if (handshakeSlots !== undefined) {
      const leave = handshakeSlots.enter(() => this.#fail(tooManyHandshakes(handshakeSlots)));
      this.handshake.promise.then(leave, leave);
    }
  }

  /** Starts the handshake and the reading; only the first call does something. */
  start(): void {
    if (this.#started || this.#receiving === 'stopped') return;
    this.#started = true;
    if (this.#receiving === 'deliver') this.startDeadline();
    this.advance();
    void this.#read();
  }

  /** The next bytes for the application. */
  take(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    // From here on the peer's turn may have come: what was there lay with the application.
    if (!this.inbox.isEmpty) this.#idle.touch();
    const taken = this.inbox.take(signal);
    this.start();
    this.advance();
    return taken;
  }

  /** Takes bytes of the transport that somebody else has read. */
  receive(bytes: Uint8Array): void {
    // A handshake that a write waits for is not thrown away.
    const isDrained = this.#receiving === 'drain' && this.handshake.settled;
    if (isDrained || this.#receiving === 'discard') this.#drainedBytes += bytes.length;
    if (this.#receiving === 'discard' || this.#receiving === 'stopped' || this.#engineOver) return;
    this.#pulled = false;
    this.engine.receive(bytes);
  }

  /** Takes from the engine what it has to give, as long as there is room for it, and sends what has to be sent. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#mayPull) this.#pullOne();
      void this.flush();
    } catch (error) {
      this.#crash(error);
    } finally {
      this.#advancing = false;
    }
    this.changes.notify();
  }

  /**
   * Hands the engine's output to the transport as one write. Settles when the transport has taken it, or else when
   * `writeHalf` is blown; never rejects.
   */
  flush(): Promise<void> {
    const parts = this.engine.takeOutput();
    if (parts.length === 0 || this.isStopped) return Promise.resolve();
    if (this.#outputBroken !== undefined) return this.changes.until(() => this.writeHalf.isBlown);
    return this.#send(parts);
  }

  /** One write of the application: what the engine makes of it leaves as one write of the transport. */
  async write<T>(make: () => T): Promise<T> {
    const result = make();
    const taken = this.flush();
    for (const question of this.engine.takeQuestions()) this.#ask(question);
    this.advance();
    await taken;
    return result;
  }

  /**
   * Sends what is left and half-closes right behind it: a second system call after a pause could meet the peer's
   * reset. Gives the error that this met, after everything received has been looked through for an alert.
   */
  async endOutput(): Promise<BrokenError | undefined> {
    const written = this.flush();
    let error: BrokenError | undefined;
    try {
      await this.#idle.writing(() => this.transport.closeWrite());
    } catch (cause) {
      error = brokenBy(cause, 'The connection broke while ending');
      await this.searchAlert();
    }
    await written;
    return this.#outputBroken ?? error;
  }

  /** Why writing failed may be written in an alert that has already arrived: waits until everything received is looked through. */
  async searchAlert(): Promise<void> {
    let over = false;
    const stopTimer = startTimer(alertSearchTimeout, () => {
      over = true;
      this.changes.notify();
    });
    const nothingToRead = (): boolean =>
      this.#engineOver || (this.#receiving === 'deliver' && !this.inbox.hasRoom);
    await this.changes.until(() => over || this.isStopped || this.#inputEnd !== undefined || nothingToRead());
    stopTimer();
  }

  /** From now on received data are thrown away. */
  drain(): void {
    // What comes now has a bound of its own.
    this.#idle.stop();
    if (this.#receiving === 'deliver') this.#receiving = 'drain';
    this.#receiveOn();
  }

  /** From now on received bytes are thrown away. */
  discard(): void {
    if (this.#receiving !== 'stopped') this.#receiving = 'discard';
    this.#endDeadline();
    this.#idle.stop();
    this.#receiveOn();
  }

  /** The end of everything here: questions are called off, keys wiped, nothing is read or written any more. */
  stop(reason: Error | Closed): void {
    this.#receiving = 'stopped';
    this.#endDeadline();
    this.#idle.stop();
    this.writeHalf.blow(reason);
    if (!this.handshake.settled) this.handshake.reject(errorOf(reason));
    this.engine.abandon();
    this.changes.notify();
  }

  #endDeadline(): void {
    this.#cancelDeadline?.();
    // Or the timer stays as long as the connection.
    this.#cancelDeadline = undefined;
  }

  get #mayPull(): boolean {
    if (this.#pulled || this.#engineOver || this.#resting) return false;
    return this.#receiving === 'drain' || (this.#receiving === 'deliver' && this.inbox.hasRoom);
  }

  get #mayRead(): boolean {
    if (this.#receiving === 'drain' || this.#receiving === 'discard') {
      if (this.#drainedBytes >= this.#options.drainBytes) return false;
      if (this.#receiving === 'discard' || this.#engineOver) return true;
      return this.#pulled && this.engine.wantsInput;
    }
    return !this.#engineOver && this.#pulled && this.inbox.hasRoom && this.engine.wantsInput;
  }

  #receiveOn(): void {
    if (this.#started) this.advance();
    else this.start();
  }

  async #read(): Promise<void> {
    for (;;) {
      if (!this.#mayRead) await this.changes.until(() => this.isStopped || this.#mayRead);
      if (this.isStopped) return;
      let bytes: Uint8Array | null;
      try {
        bytes = await this.#idle.reading(() => this.transport.read());
      } catch (error) {
        return this.#inputBroke(brokenBy(error, 'The connection broke'));
      }
      if (bytes === null) return this.#inputEnded();
      try {
        this.receive(bytes);
      } catch (error) {
        return this.#crash(error);
      }
      this.advance();
      if (this.#turns.spend(bytes.length)) await nextTurn();
    }
  }

  #inputEnded(): void {
    this.#inputEnd = { error: undefined };
    this.engine.receiveEnd();
    this.#pulled = false;
    this.advance();
  }

  #inputBroke(error: BrokenError): void {
    this.#inputEnd = { error };
    if (!this.handshake.settled) this.#fail(error);
    else if (!this.#engineOver) this.inbox.end(error);
    this.changes.notify();
  }

  #pullOne(): void {
    const event = this.engine.next();
    if (event === undefined) {
      this.#pulled = true;
      return;
    }
    this.#handle(event);
    if (this.#turns.spend(event.type === 'data' ? event.data.length : 0)) this.#rest();
  }

  #rest(): void {
    this.#resting = true;
    void nextTurn().then(() => {
      this.#resting = false;
      this.advance();
    });
  }

  #handle(event: ConnectionEvent): void {
    switch (event.type) {
      case 'handshakeDone':
        this.#endDeadline();
        this.handshake.resolve(event.info);
        this.#idle.start();
        break;
      case 'data':
        if (this.#receiving === 'deliver') this.inbox.put(event.data);
        break;
      case 'question':
        this.#ask(event.question);
        break;
      case 'keyLog':
        this.#options.onKeyLog?.(event.line);
        break;
      case 'session':
        break;
      case 'end':
        this.#engineOver = true;
        this.#peerEnded = true;
        this.inbox.end();
        break;
      case 'failed':
        this.#engineOver = true;
        this.#engineFailed(event.error);
        break;
    }
  }

  #ask(question: Question): void {
    const settle = (give: () => void): void => {
      if (this.isStopped) return;
      give();
      this.#pulled = false;
      this.advance();
    };
    question.pending.then(
      (value) => settle(() => this.engine.answer(question, value)),
      (reason) => settle(() => this.engine.refuse(question, reason)),
    );
  }

  /** A truncated end is only one of the reading: our own half goes on. */
  #engineFailed(error: TlsError): void {
    if (!(error instanceof TlsTruncatedError) || !this.handshake.settled) this.#fail(error);
    else if (this.#options.toleratesTruncation && error.atRecordBoundary) this.inbox.end();
    else this.inbox.end(error);
  }

  #onIdle(): void {
    try {
      // What has arrived was received before, even if there was no room to deliver it.
      while (!this.#pulled && !this.#engineOver) this.#pullOne();
    } catch (error) {
      this.#crash(error);
    }
    const message = `Nothing moved for ${this.#options.idleTimeout} ms although it was waited for`;
    if (this.#fatal === undefined) this.#fail(new TlsTimeoutError('idle', message));
  }

  #fail(error: Error): void {
    this.#fatal ??= error;
    this.#endDeadline();
    this.handshake.reject(error);
    this.inbox.end(error);
    this.writeHalf.blow(error);
    this.#options.onFatal(this.#fatal);
    this.changes.notify();
  }

  /** A mistake in here, or in a function of the caller's, must not leave anybody waiting. */
  #crash(cause: unknown): void {
    this.#fail(new BrokenError('The stream failed because of an internal error', { cause }));
  }

  async #send(parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#idle.writing(() => this.transport.write(parts));
      this.onProgress();
    } catch (error) {
      this.#outputBroken ??= brokenBy(error, 'The connection broke while writing');
      await this.searchAlert();
      this.writeHalf.blow(this.#fatal ?? this.#outputBroken);
      if (!this.handshake.settled) this.#fail(this.#outputBroken);
    }
    this.changes.notify();
  }
}
