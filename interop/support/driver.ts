import { serverName } from './certificates.ts';
import { cipherSuiteOf } from './names.ts';
import { opaque, payloadFile } from './payload.ts';
import type {
  ClientRun,
  PeerAbilities,
  PeerClient,
  PeerReport,
  PeerServer,
  PeerSettings,
  RunningServer,
  ServerRun,
} from './peer.ts';
import { keyLogEnvironment, type PeerProcess, start } from './process.ts';
import { run } from './run.ts';

/** A program of `peers/` that speaks the protocol of ../README.md: `name=value` in, lines of JSON out. */
export interface DriverProgram {
  readonly name: string;
  readonly abilities: PeerAbilities;
  /** The command and its first arguments. */
  readonly command: readonly [string, ...string[]];
  /** Narrows what the program has no calls for. */
  environment?(settings: PeerSettings): Promise<Record<string, string>>;
}

type DriverEvent =
  | { readonly event: 'listening'; readonly port: number }
  | { readonly event: 'accepted' }
  | ({ readonly event: 'connection' } & PeerReport);

export function driverClient(program: DriverProgram): PeerClient {
  return {
    name: program.name,
    version: 'TLSv1.3',
    abilities: program.abilities,
    application: 'raw',
    payloads: opaque,
    closesFirst: 'server',
    async run(options: ClientRun): Promise<readonly PeerReport[]> {
      const peer = await startDriver(program, 'client', options, [
        `port=${options.port}`,
        `name=${serverName}`,
        `ca=${options.roots}`,
        `payload=${payloadFile(run.directory, 'upload', options.size)}`,
        ...(options.oneWay ? ['mode=upload'] : []),
        ...(options.asksForOcspResponse ? ['ocsp=1'] : []),
      ]);
      return connectionReports(peer, options.connections ?? 1);
    },
  };
}

export function driverServer(program: DriverProgram): PeerServer {
  return {
    name: program.name,
    version: 'TLSv1.3',
    abilities: program.abilities,
    payloads: opaque,
    closesFirst: 'server',
    async start(options: ServerRun): Promise<RunningServer> {
      const { upload } = opaque[options.size ?? 'usual'];
      const { peer, port } = await startDriverServer(program, options, [`expect=${upload.length}`]);
      return { port, reports: (count) => connectionReports(peer, count) };
    },
  };
}

/** A server that reads nothing before it is told to, and answers nothing. */
export interface SinkServer {
  readonly port: number;
  /** Resolves when the next connection's handshake is done. */
  accepted(): Promise<void>;
  /** Lets the latest connection be read. */
  release(): void;
  reports(count: number): Promise<readonly PeerReport[]>;
}

export async function startDriverSink(program: DriverProgram, options: ServerRun): Promise<SinkServer> {
  const { peer, port } = await startDriverServer(program, options, ['mode=sink']);
  let accepted = 0;
  return {
    port,
    async accepted(): Promise<void> {
      accepted++;
      await eventsOf(peer, 'accepted', accepted);
    },
    release: () => peer.write('go\n'),
    reports: (count) => connectionReports(peer, count),
  };
}

async function startDriverServer(
  program: DriverProgram,
  options: ServerRun,
  args: readonly string[],
): Promise<{ peer: PeerProcess; port: number }> {
  const peer = await startDriver(program, 'server', options, [
    ...(options.clientRoots === undefined ? [] : [`ca=${options.clientRoots}`]),
    ...(options.withoutTickets ? ['tickets=0'] : []),
    ...(options.ocspResponse === undefined ? [] : [`ocsp=${options.ocspResponse}`]),
    `payload=${payloadFile(run.directory, 'download', options.size)}`,
    ...args,
  ]);
  const [listening] = await eventsOf(peer, 'listening', 1);
  return { peer, port: listening!.port };
}

async function startDriver(
  program: DriverProgram,
  side: 'client' | 'server',
  settings: ClientRun | ServerRun,
  args: readonly string[],
): Promise<PeerProcess> {
  const { identity, groups, cipherSuites, signatureSchemes, alpnProtocols, connections, updateKeys } =
    settings;
  const [command, ...first] = program.command;
  const all = [...first, side, `versions=${settings.versions}`, ...args];
  if (settings.withoutExtendedMasterSecret) all.push('ems=0');
  if (identity !== undefined) all.push(`cert=${identity.cert}`, `key=${identity.key}`);
  if (groups !== undefined) all.push(`groups=${groups}`);
  if (cipherSuites !== undefined) all.push(`suites=${cipherSuites}`);
  if (signatureSchemes !== undefined) all.push(`sigalgs=${signatureSchemes}`);
  if (alpnProtocols !== undefined) all.push(`alpn=${alpnProtocols}`);
  if (connections !== undefined) all.push(`connections=${connections}`);
  if (updateKeys) all.push('rekey=1');
  const env = { ...(await program.environment?.(settings)), ...keyLogEnvironment(settings) };
  return start(command, all, { env });
}

async function connectionReports(peer: PeerProcess, count: number): Promise<readonly PeerReport[]> {
  const reports = await eventsOf(peer, 'connection', count);
  return reports.map(({ event: _event, ...report }) => {
    const { cipherSuite } = report;
    return cipherSuite === undefined ? report : { ...report, cipherSuite: cipherSuiteOf(cipherSuite) };
  });
}

function eventsOf<Kind extends DriverEvent['event']>(
  peer: PeerProcess,
  kind: Kind,
  count: number,
): Promise<Extract<DriverEvent, { event: Kind }>[]> {
  return peer.until(`${count} × ${kind}`, () => {
    const lines = peer.stdout.toString().split('\n').slice(0, -1);
    const events = lines.map((line) => JSON.parse(line) as DriverEvent);
    const found = events.filter(
      (event): event is Extract<DriverEvent, { event: Kind }> => event.event === kind,
    );
    return found.length >= count ? found : undefined;
  });
}
