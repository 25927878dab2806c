import { fileURLToPath } from 'node:url';
import { type PeerProcess, start } from './process.ts';
import { certificates } from './run.ts';

/** Whose TLS a program has that imports `node:tls`, or whose packages do. */
export type Stack = 'tacit' | 'node';

/** Client and server; the last pair shows that what is expected is what Node does. */
export const pairs: readonly (readonly [Stack, Stack])[] = [
  ['tacit', 'tacit'],
  ['tacit', 'node'],
  ['node', 'tacit'],
  ['node', 'node'],
];

const root = fileURLToPath(new URL('../..', import.meta.url));

const flags: Readonly<Record<Stack, readonly string[]>> = {
  tacit: ['--import', 'tacit-tls/node/register', '--require', './interop/packages/no-openssl.cjs'],
  node: [],
};

/** Starts `interop/packages/NAME.mjs`, which knows nothing of Tacit. */
export function startProgram(
  name: string,
  stack: Stack,
  env: Readonly<Record<string, string>> = {},
): PeerProcess {
  const { cert, key } = certificates.server();
  return start(process.execPath, ['--no-warnings', ...flags[stack], `interop/packages/${name}.mjs`], {
    // By its own name the package is found in its own directory only.
    cwd: root,
    env: {
      NODE_EXTRA_CA_CERTS: certificates.roots,
      OTHER_CA: certificates.otherRoot,
      CERT_FILE: cert,
      KEY_FILE: key,
      ...env,
    },
  });
}

/** A server that listens, and where. */
export async function startServer(
  name: string,
  stack: Stack,
): Promise<{ server: PeerProcess; port: number }> {
  const server = startProgram(name, stack);
  const [, port] = await server.match(/\{"port":(\d+)\}/);
  return { server, port: Number(port) };
}

/** What a client says of what it did with the server on `port`. */
export async function reportOf(
  name: string,
  stack: Stack,
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const client = startProgram(name, stack, { PORT: String(port), ...env });
  const { code } = await client.exited;
  if (code !== 0 || client.stderr !== '') throw new Error(`${name} ended (${code}): ${client.output}`);
  return JSON.parse(String(client.stdout));
}
