import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

const binaryFile = /\.(?:png|parquet|arrow|ico|gz|zst|bin)$/;

/** Paths of the repository's text files from its root: what git has or would add; without git, all but what is installed. */
export function repositoryPaths(): readonly string[] {
  const paths = existsSync(join(repositoryRoot, '.git')) ? pathsFromGit() : pathsFromDisk();
  return paths.filter((path) => !binaryFile.test(path) && existsSync(join(repositoryRoot, path)));
}

function pathsFromGit(): readonly string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    {
      cwd: repositoryRoot,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return listed.split('\0').filter((path) => path !== '');
}

function pathsFromDisk(): readonly string[] {
  const leftOut = new Set(['node_modules', 'data', 'coverage', 'dist']);
  return readdirSync(repositoryRoot, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repositoryRoot, join(entry.parentPath, entry.name)))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !leftOut.has(path.split('/')[0] ?? ''));
}

export function readRepositoryFile(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}
