/** Compiles the shim, once for each state of its sources, and says how to put a process on it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const sources = ['state.c', 'calls.c', 'stdio.c'];
const here = fileURLToPath(new URL('.', import.meta.url));

/** The path of the shared object. Rejects with the compiler's words, or when there is no gcc. */
export async function buildShim(): Promise<string> {
  const texts = await Promise.all(
    ['shim.h', ...sources].map((name) => readFile(join(here, name), 'utf8')),
  );
  const hash = createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), `pgtide-shim-${userInfo().username}`);
  const path = join(folder, `${hash}.so`);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${process.pid}`;
  const args = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', unfinished];
  await promisify(execFile)('gcc', [
    ...args,
    ...sources.map((name) => join(here, name)),
    '-ldl',
    '-lpthread',
  ]);
  await rename(unfinished, path);
  return path;
}

export interface ShimOptions {
  /** The folder that is watched, as realpath gives it. */
  readonly root: string;
  readonly journal?: string;
  readonly control?: string;
  /** A pattern (fnmatch) of paths whose syncs are not noted. */
  readonly noSync?: string;
}

/** The environment of a process on the shim. */
export async function shimEnv(options: ShimOptions): Promise<Record<string, string>> {
  return {
    LD_PRELOAD: await buildShim(),
    UV_USE_IO_URING: '0',
    PGTIDE_SHIM_ROOT: options.root,
    ...(options.journal === undefined ? {} : { PGTIDE_SHIM_JOURNAL: options.journal }),
    ...(options.control === undefined ? {} : { PGTIDE_SHIM_CONTROL: options.control }),
    ...(options.noSync === undefined ? {} : { PGTIDE_SHIM_NO_SYNC: options.noSync }),
  };
}
