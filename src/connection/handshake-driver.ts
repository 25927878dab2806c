import { TlsCertificateError, TlsError, TlsUsageError } from '../base/errors.ts';
import type { QuestionContext } from '../handshake/identity.ts';
import type { HandshakeOutcome } from '../handshake/outcome.ts';
import type { Handshake, Step } from '../handshake/steps.ts';
import type { RawMessage } from '../wire/message.ts';
import { wipeOutcome } from './established.ts';
import type { Question } from './events.ts';

/** Runs a handshake's generator: feeds it messages, puts its questions, passes answers on. */
export class HandshakeDriver {
  /** Undefined once it is done: all that it holds on to goes with it. */
  #generator: Handshake<HandshakeOutcome> | undefined;
  readonly #abort = new LazyAbort();
  /** What the generator waits for; undefined once it is done. */
  #step: Step | undefined;
  #outcome: HandshakeOutcome | undefined;
  /** Questions that were not answered in place. */
  #pending: Question | undefined;
  #raised: Question | undefined;
  #isStopped = false;
  #isRunning = false;

  constructor(generator: Handshake<HandshakeOutcome>) {
    this.#generator = generator;
    this.#resume((generator) => generator.next());
  }

  /** The handshake's result, once it is done. */
  get outcome(): HandshakeOutcome | undefined {
    return this.#outcome;
  }

  /** What the question is about that the handshake waits for; undefined where it does not. */
  get pendingKind(): Question['subject']['kind'] | undefined {
    return this.#pending?.subject.kind;
  }

  get expectedMessages(): readonly number[] {
    return this.#step?.kind === 'message' ? this.#step.expected : [];
  }

  get awaitsChangeCipherSpec(): boolean {
    return this.#step?.kind === 'changeCipherSpec';
  }

  /** The question that the last step raised, once. */
  takeQuestion(): Question | undefined {
    const question = this.#raised;
    this.#raised = undefined;
    return question;
  }

  deliver(message: RawMessage): void {
    this.#resume((generator) => generator.next(message));
  }

  /** It came, and was awaited. */
  deliverChangeCipherSpec(): void {
    this.#resume((generator) => generator.next());
  }

  /** False where nobody waits for the answer. */
  answer(question: Question, value: unknown): boolean {
    if (question !== this.#pending) return false;
    this.#pending = undefined;
    this.#resume((generator) => generator.next(value));
    return true;
  }

  /** False where nobody waits for the answer. */
  refuse(question: Question, reason: unknown): boolean {
    if (question !== this.#pending) return false;
    this.#pending = undefined;
    this.#resume((generator) => generator.throw(refusal(question.subject.kind, reason)));
    return true;
  }

  /** Ends the handshake where it is: its secrets are wiped, and whoever works on an answer is told. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#pending = undefined;
    this.#raised = undefined;
    this.#step = undefined;
    this.#abort.abort();
    // While it runs, a function of the caller's is ending the connection: `#resume` sees that.
    if (!this.#isRunning) this.#generator?.return(undefined as never);
  }

  #resume(advance: (generator: Handshake<HandshakeOutcome>) => IteratorResult<Step, HandshakeOutcome>): void {
    const generator = this.#generator;
    if (!generator) return;
    this.#isRunning = true;
    try {
      this.#run(generator, advance(generator));
    } finally {
      this.#isRunning = false;
      if (this.#isStopped) generator.return(undefined as never);
    }
  }

  #run(generator: Handshake<HandshakeOutcome>, first: IteratorResult<Step, HandshakeOutcome>): void {
    let result = first;
    while (!result.done) {
      if (this.#isStopped) return;
      this.#step = result.value;
      if (result.value.kind !== 'question') return;
      const { subject, call } = result.value;
      let answer: unknown;
      try {
        answer = call(this.#abort);
      } catch (error) {
        result = generator.throw(refusal(subject.kind, error));
        continue;
      }
      // Where the connection ends before anybody asks for its outcome, a rejection is nobody's.
      if (answer instanceof Promise) answer.catch(() => {});
      if (this.#isStopped) return;
      if (isPromise(answer)) {
        this.#pending = { subject, pending: answer };
        this.#raised = this.#pending;
        return;
      }
      result = generator.next(answer);
    }
    this.#step = undefined;
    this.#generator = undefined;
    // In the last step, too, a function of the caller's may have ended the connection.
    if (this.#isStopped) wipeOutcome(result.value);
    else this.#outcome = result.value;
  }
}

/** An AbortSignal that costs nothing until somebody asks for it. */
class LazyAbort implements QuestionContext {
  #controller: AbortController | undefined;
  #hasFired = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    // Whoever asks late, in the middle of its work, is told as well.
    if (this.#hasFired) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#hasFired = true;
    this.#controller?.abort();
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** The error that a handshake ends with when one of the caller's functions fails. */
function refusal(kind: Question['subject']['kind'], reason: unknown): TlsError {
  if (reason instanceof TlsError) return reason;
  if (kind === 'trust') {
    return new TlsCertificateError('not_acceptable', "the peer's certificate was refused", undefined, {
      cause: reason,
    });
  }
  return new TlsUsageError(`a function of the configuration failed (${kind})`, { cause: reason });
}
