import { alertFor, TlsCertificateError, TlsError, TlsPeerError } from '../../src/base/errors.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { clientOf, Observed, Shared, serverOf } from './endpoint.ts';
import { run } from './exchange.ts';
import { parseFlags, type Settings, Unimplemented } from './flags.ts';
import { ShimTransport } from './transport.ts';

/*
 * The program that BoringSSL's protocol test runner drives (docs/conformance.md): one process for each test, which
 * connects to the runner, says who it is, and then speaks TLS as the flags say, as a client or as a server.
 *
 * Exit codes: 0, all as expected; 1, not, and the error output says why; 89, the flags ask for what Tacit does not have.
 */

const unimplemented = 89;

async function main(args: readonly string[]): Promise<number> {
  const { initial, resume } = parseFlags(args);
  if (initial.has('is-handshaker-supported')) {
    process.stdout.write('No\n');
    return 0;
  }
  const shared = new Shared();
  const last = initial.number('resume-count') ?? 0;
  for (let index = 0; index <= last; index++) {
    const settings = index === 0 ? initial : resume;
    requireNoEarlyData(settings);
    await connection(settings, shared, index > 0);
    shared.clock += 1_000 * (settings.number('resumption-delay') ?? 0);
  }
  return 0;
}

/** Tacit has no 0-RTT: that is the one reason why there can be none. */
function requireNoEarlyData(settings: Settings): void {
  const reason = settings.text('expect-early-data-reason') ?? 'disabled';
  if (reason !== 'disabled') throw new Unimplemented(`-expect-early-data-reason ${reason}`);
}

async function connection(settings: Settings, shared: Shared, isResumption: boolean): Promise<void> {
  const observed = new Observed();
  // A configuration that Tacit cannot have ends the test before the runner waits for anybody.
  const endpoint = settings.has('server')
    ? { role: 'server' as const, config: serverOf(settings, shared, observed, isResumption) }
    : { role: 'client' as const, config: clientOf(settings, shared, observed) };
  const host = settings.has('ipv6') ? '::1' : '127.0.0.1';
  const tcp = await connectTcp({ host, port: settings.number('port') ?? 0 });
  const id = Buffer.alloc(8);
  id.writeBigUInt64LE(BigInt(settings.text('shim-id') ?? 0));
  await tcp.write(id);
  const transport = new ShimTransport(tcp, settings.has('one-byte-reads'));
  const peer = { host: 'the-runner.test', serverName: settings.text('host-name') ?? '' };
  const stream =
    endpoint.role === 'server'
      ? TlsStream.server(transport, endpoint.config)
      : TlsStream.client(transport, endpoint.config, peer);
  try {
    await run({ settings, isResumption, stream, transport, observed });
  } catch (error) {
    // Until the runner has read our alert, and has ended its side; what only the shim does not like it need not know.
    if (stream.failure === undefined) stream.destroy();
    else await stream.close().catch(() => {});
    throw observed.mismatch ?? error;
  }
}

/** What the runner's configuration maps its own errors to: whose alert it was and which, or which check failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof TlsError)) return 'SHIM';
  if (error instanceof TlsCertificateError) return `CERTIFICATE ${error.check}`;
  if (error instanceof TlsPeerError) return `${error.direction} ${error.alert}`;
  return `${error.code} ${alertFor(error) ?? ''}`.trim();
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof Unimplemented) {
      process.stderr.write(`${error.message}\n`);
      process.exit(unimplemented);
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`:${reasonOf(error)}: ${text}\n`);
    process.exit(1);
  },
);
