/**
 * Completes package-lock.json after `npm install`: adds the optional platform packages (`…-darwin-arm64`) that npm
 * left out because the registry in use does not carry them, and drops `resolved` addresses, so that the same lock
 * works with any registry. Without those entries `npm ci` calls the lock out of sync. They are installed only where
 * their `os` and `cpu` match, so they cost nothing elsewhere.
 *
 * Run by hand after changing dependencies: `node scripts/complete-lock.mjs`. With `--check` it only reports.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const lockPath = fileURLToPath(new URL('../package-lock.json', import.meta.url));

const osNames = [
  'darwin',
  'linux',
  'win32',
  'android',
  'freebsd',
  'openharmony',
  'sunos',
  'netbsd',
  'openbsd',
  'aix',
];
const cpuNames = [
  'arm64',
  'x64',
  'ia32',
  'arm',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
];

/** The platform that a package's name tells: `@oxlint/binding-linux-arm-musleabihf` is linux, arm, musl. */
export function platformOf(name) {
  const words = name.split('/').at(-1).split(/[-.]/);
  const os = words.find((word) => osNames.includes(word));
  const cpu = words.find((word) => cpuNames.includes(word));
  if (os === undefined || cpu === undefined) return undefined;
  const libcWord = words.find((word) => word.startsWith('musl') || word.startsWith('gnu'));
  const libc =
    os !== 'linux' || libcWord === undefined
      ? undefined
      : libcWord.startsWith('musl')
        ? 'musl'
        : 'glibc';
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** The lock with nothing missing, and the list of what was added or removed. The lock given is not changed. */
export function completeLock(lock) {
  const packages = structuredClone(lock.packages);
  const changes = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) {
      delete packages[path].resolved;
      changes.push(`resolved of ${path}`);
    }
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const at = `node_modules/${name}`;
      if (packages[at] !== undefined || packages[`${path}/${at}`] !== undefined) continue;
      const platform = platformOf(name);
      if (platform === undefined || !/^\d/.test(version)) {
        throw new Error(
          `${path} wants ${name}@${version}, which the lock lacks, and its name tells no platform`,
        );
      }
      const { cpu, libc, os } = platform;
      packages[at] = {
        version,
        cpu,
        ...(entry.dev ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc }),
        optional: true,
        os,
      };
      changes.push(`${name}@${version}`);
    }
  }
  const sorted = Object.fromEntries(
    Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
  return { lock: { ...lock, packages: sorted }, changes };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { lock, changes } = completeLock(JSON.parse(readFileSync(lockPath, 'utf8')));
  const check = process.argv.includes('--check');
  if (changes.length === 0) {
    console.log('package-lock.json is complete');
  } else if (check) {
    console.log(`package-lock.json lacks: ${changes.join(', ')}`);
    process.exitCode = 1;
  } else {
    writeFileSync(lockPath, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`package-lock.json: ${changes.length} entries completed`);
  }
}
