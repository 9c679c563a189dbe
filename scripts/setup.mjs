/**
 * Makes the project ready to run, then runs it: `node scripts/setup.mjs [script.ts [arguments…]]`.
 *
 * Runs under any Node from 18 on and needs no dependency. When node_modules does not hold what package-lock.json asks
 * for, it runs `npm ci`; otherwise it does nothing and touches no network. The script then runs under the project's
 * own Node (the devDependency `node`), whatever Node the machine has: a shell that has already looked up `node` would
 * go on using the machine's.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const nodeBinary = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/**
 * Why `npm ci` must run, or undefined when everything is in place.
 * `wanted` is package-lock.json, `installed` is npm's own record node_modules/.package-lock.json (undefined: none).
 */
export function reasonToInstall(wanted, installed) {
  if (installed === undefined) return 'node_modules is missing';
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (path === '') continue;
    const found = installed.packages[path];
    if (found === undefined && entry.optional) continue;
    if (found?.version !== entry.version)
      return `${path.replace(/^node_modules\//, '')} has changed`;
  }
  return undefined;
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

function install(reason) {
  // stdout belongs to what runs then: `pgtide … --json | jq`.
  console.error(`pgtide: installing packages with npm ci (${reason}) …`);
  const underNpm = process.env.npm_execpath;
  const [command, first] = underNpm ? [process.execPath, [underNpm]] : ['npm', []];
  const done = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: !underNpm && process.platform === 'win32',
  });
  if (done.status !== 0) {
    console.error('pgtide: npm ci failed; its messages are above');
    process.exit(done.status ?? 1);
  }
}

/**
 * npm passes SIGTERM on to its shell only, and the shell ends without telling us. The server must not outlive
 * `npm start`, so we look whether our parent is still the same.
 */
function endWithParent(child) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill('SIGTERM');
  }, 200);
}

/** Runs `args` under the project's Node and ends this process as that one ends. */
export function run(args) {
  const child = spawn(nodeBinary, args, {
    stdio: 'inherit',
    env: {
      // glibc keeps what each thread's arena once had; with two a server holds a third less after a large flush.
      MALLOC_ARENA_MAX: '2',
      ...process.env,
      PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`,
    },
  });
  // A terminal sends Ctrl-C to the whole process group, so the child has it already.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event) endWithParent(child);
  child.on('error', (error) => {
    console.error(`pgtide: cannot start ${nodeBinary}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** Installs what is missing. */
export function prepare() {
  const wanted = readJson(join(root, 'package-lock.json'));
  const reason =
    reasonToInstall(wanted, readJson(join(modules, '.package-lock.json'))) ??
    (existsSync(nodeBinary) ? undefined : 'its Node is missing');
  if (reason !== undefined) install(reason);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  prepare();
  const args = process.argv.slice(2);
  if (args.length > 0) run(args);
}
