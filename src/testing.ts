/**
 * The testing kit: streams in memory that are as hard to use as real ones, a model of TCP with its resets in virtual
 * time, and checks that any stream can be held to. For every test framework, and for programs of any kind.
 */
export type { ByteStream, CallOptions, CloseReport, PeerAddress } from './streams/byte-stream.ts';
export { BrokenError, BusyError, ClosedError } from './streams/errors.ts';
export { StreamCheckError } from './testing/check-tools.ts';
export {
  type CheckOptions,
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  halfCloseableStreamChecks,
  type MakePair,
  oneWayStreamChecks,
  type StreamCheck,
  twoWayStreamChecks,
} from './testing/checks.ts';
export { VirtualClock } from './testing/clock.ts';
export {
  boundedStreamPair,
  lockstepStreamPair,
  memoryStreamPair,
  type PairOptions,
  type StreamPair,
  type TimedStreamPair,
  type TricklePairOptions,
  trickleStreamPair,
} from './testing/pairs.ts';
export { type RawSocket, type SystemError, type SystemErrorCode, systemError } from './testing/raw-socket.ts';
export { type TcpModelOptions, type TcpModelPair, tcpModelPair } from './testing/tcp-pair.ts';
export type { TcpDialect, TcpSocket } from './testing/tcp-socket.ts';
export { type StreamHooks, TestStream } from './testing/test-stream.ts';
export type { Trace, TraceArrow, TraceEntry, TraceNote } from './testing/trace.ts';
