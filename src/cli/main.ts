import { TlsUsageError } from '../index.ts';
import { oneLine, UsageError, wantsHelp } from './arguments.ts';
import type { Command } from './command.ts';
import { describeFailure } from './failure.ts';
import { lab } from './lab.ts';
import { clientRole, runLabClient } from './lab-client.ts';
import { receive } from './receive.ts';
import { send } from './send.ts';
import { verify } from './verify.ts';
import { packageVersion } from './version.ts';

const commands: ReadonlyMap<string, Command> = new Map([
  ['lab', lab],
  ['receive', receive],
  ['send', send],
  ['verify', verify],
]);

const commandNames = [...commands.keys()].join(', ');

const help = `tacit: TLS that never speaks out of turn

Usage: tacit COMMAND [ARGUMENTS]

Commands:
${[...commands].map(([name, command]) => `  ${name.padEnd(9)}${command.summary}`).join('\n')}

Options:
  --help     this text; 'tacit COMMAND --help' tells all about a command
  --version  the version of Tacit

Exit status: 0 all went well, 1 it did not, 2 a mistake in the arguments.
`;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === clientRole) return runLabClient(rest);
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (name === '--version') {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const command = commands.get(name ?? '');
  if (command === undefined || name === undefined) {
    const wrong = name === undefined ? 'name a command' : `'${name}' is not a command, name one of`;
    process.stderr.write(`tacit: ${oneLine(wrong)}: ${commandNames} (see tacit --help)\n`);
    return 2;
  }
  if (wantsHelp(rest)) {
    process.stdout.write(command.help);
    return 0;
  }
  return runCommand(name, command, rest);
}

async function runCommand(name: string, command: Command, args: readonly string[]): Promise<number> {
  try {
    return await command.run(args);
  } catch (error) {
    if (error instanceof UsageError || error instanceof TlsUsageError) {
      process.stderr.write(`tacit ${name}: ${oneLine(error.message)} (see tacit ${name} --help)\n`);
      return 2;
    }
    process.stderr.write(`tacit ${name}: ${describeFailure(error)}\n`);
    return 1;
  }
}

// Whoever reads our output may stop, as `head` does; anything else here is a fault of Tacit's.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    process.stderr.write(`tacit: internal error, please report it: ${describeFailure(error)}\n`);
  }
  process.exit(1);
});

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
