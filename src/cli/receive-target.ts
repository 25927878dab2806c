import { existsSync, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from './arguments.ts';

/** Where one upload goes. */
export interface UploadFile {
  /** @throws what the file system says */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Closes the file; what arrived stays.
   * @returns what it is called now
   */
  finish(whole: boolean): Promise<string>;
}

/** What `--out` names. */
export interface Target {
  /** A file and the standard output have room for one upload, a directory for any number. */
  readonly takesOne: boolean;
  /** Whether uploads go to the standard output, so that nothing else may. */
  readonly isStdout: boolean;
  open(): Promise<UploadFile>;
}

/** @throws {UsageError} a directory that is not there, or that cannot be made */
export function parseTarget(out: string): Target {
  if (out === '-') {
    // The callback of the write has it too; nobody listening, it would end the program.
    process.stdout.on('error', () => {});
    return { takesOne: true, isStdout: true, open: async () => standardOutput };
  }
  if (!/[/\\]$/.test(out) && !isDirectory(out)) {
    if (!isDirectory(dirname(out))) {
      throw new UsageError(`--out: there is no directory '${dirname(out)}' for that file`);
    }
    return { takesOne: true, isStdout: false, open: () => openFile(out) };
  }
  try {
    mkdirSync(out, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `--out: the directory '${out}' cannot be made (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  let uploads = 0;
  return {
    takesOne: false,
    isStdout: false,
    open: () => {
      uploads += 1;
      return openInDirectory(out, uploads);
    },
  };
}

function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

const standardOutput: UploadFile = {
  write: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
  finish: async () => 'the standard output',
};

async function openFile(path: string): Promise<UploadFile> {
  const file = await open(path, 'w');
  return {
    write: (bytes) => writeAll(file, bytes),
    async finish(): Promise<string> {
      await file.close();
      return path;
    },
  };
}

/** A file in the directory bears its final name only when the upload is whole: another program may be waiting for it. */
async function openInDirectory(directory: string, upload: number): Promise<UploadFile> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const path = freshPath(join(directory, `${time}-${String(upload).padStart(4, '0')}`));
  const file = await open(`${path}.part`, 'wx');
  return {
    write: (bytes) => writeAll(file, bytes),
    async finish(whole): Promise<string> {
      await file.close();
      const name = whole ? path : `${path}.truncated`;
      await rename(`${path}.part`, name);
      return name;
    },
  };
}

/** `path`, or with a number behind it where an earlier run has taken the name. */
function freshPath(path: string): string {
  const taken = (name: string): boolean => ['', '.part', '.truncated'].some((end) => existsSync(name + end));
  let name = path;
  for (let copy = 2; taken(name); copy += 1) name = `${path}-${copy}`;
  return name;
}

/** One `write` of a file handle may take less than it was given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}
