import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Config from '../../../src/connection/config.ts';
import type * as Connection from '../../../src/connection/tls-connection.ts';
import type * as Provider from '../../../src/crypto/node/provider.ts';
import type * as Signer from '../../../src/crypto/node/signer.ts';
import type * as Streams from '../../../src/streams/tls-stream.ts';

/** What the properties need of Tacit: of the one in `src/`, or of a copy with something wrong. */
export interface Library {
  readonly TlsStream: typeof Streams.TlsStream;
  readonly TlsConnection: typeof Connection.TlsConnection;
  readonly createClientConfig: typeof Config.createClientConfig;
  readonly createServerConfig: typeof Config.createServerConfig;
  readonly nodeCrypto: typeof Provider.nodeCrypto;
  readonly nodeSigner: typeof Signer.nodeSigner;
}

/** A change of a source file that makes it break a law. */
export interface Breakage {
  readonly file: string;
  readonly code: string;
  readonly instead: string;
}

const source = fileURLToPath(new URL('../../../src', import.meta.url));

/** Loads a copy of the sources with these changes, hands it to `use`, and removes it. */
export async function withBroken(
  breakages: readonly Breakage[],
  use: (library: Library) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tacit-broken-'));
  try {
    await cp(source, directory, { recursive: true });
    for (const breakage of breakages) await damage(directory, breakage);
    await use(await load(directory));
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function damage(directory: string, { file, code, instead }: Breakage): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  // A source that has changed must not leave a test that tests nothing.
  if (text.split(code).length !== 2) throw new Error(`${file} must have this code exactly once: ${code}`);
  await writeFile(
    path,
    text.replace(code, () => instead),
  );
}

/** The library in `src/`. */
export const library: Library = await load(source);

async function load(directory: string): Promise<Library> {
  const from = (path: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(directory, path)).href);
  const modules = await Promise.all([
    from('streams/tls-stream.ts'),
    from('connection/tls-connection.ts'),
    from('connection/config.ts'),
    from('crypto/node/provider.ts'),
    from('crypto/node/signer.ts'),
  ]);
  return Object.assign({}, ...(modules as object[])) as Library;
}
