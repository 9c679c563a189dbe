/**
 * Everything that `npm test` checks: types, lint, format, unused code, then the tests. All of them run even when one
 * fails. Ends with the line `N passed, N failed`, where each check counts as one; exit code 1 on any failure, and when
 * no test ran. Arguments go to Vitest: `npm test -- tests/logic`. The suites that take long run with `npm test -- --all`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const binaries = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` };

/** Vitest projects of every day. The others kill servers, fill their memory, race transactions, compare at length or need other languages' packages. */
const dailySuites = [
  'unit',
  'architecture',
  'storage-contract',
  'pgtest',
  'drivers',
  'logic',
  'cli',
  'e2e',
  'regressions',
  'support',
];

const checks = [
  { name: 'types', command: ['tsc', '--noEmit', '-p', '.'] },
  { name: 'lint', command: ['oxlint', '--deny-warnings'] },
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'unused code', command: ['knip', '--no-progress', '--no-config-hints'] },
];

function run([command, ...args]) {
  const started = performance.now();
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error) console.error(`${command}: ${error.message}`);
  return { ok: status === 0, seconds: ((performance.now() - started) / 1000).toFixed(1) };
}

function heading(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`);
}

/** Numbers of a Vitest JSON report. A file that fails outside its tests (an import, a hook) counts as one failure. */
export function countsOf(report) {
  const brokenFiles = report.testResults.filter(
    (file) =>
      file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'pgtide-test-'));
  const reportPath = join(folder, 'report.json');
  try {
    const { ok, seconds } = run([
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportPath}`,
      ...args,
    ]);
    const counts = countsOf(JSON.parse(readFileSync(reportPath, 'utf8')));
    // Vitest also fails on what belongs to no test, such as an unhandled rejection.
    if (!ok && counts.failed === 0) counts.failed = 1;
    return { ...counts, seconds };
  } catch (error) {
    console.error(`no report from vitest: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0, seconds: '?' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What Vitest is told: everything with --all, what is named, or the suites of every day. */
function vitestArguments(args) {
  const named = args.filter((arg) => arg !== '--all');
  if (named.length < args.length || named.length > 0) return named;
  return dailySuites.flatMap((suite) => ['--project', suite]);
}

function main() {
  const summary = [];
  let passed = 0;
  let failed = 0;
  for (const { name, command } of checks) {
    heading(name);
    const { ok, seconds } = run(command);
    summary.push(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
    if (ok) passed += 1;
    else failed += 1;
  }
  heading('tests');
  const tests = runTests(vitestArguments(process.argv.slice(2)));
  passed += tests.passed;
  failed += tests.failed;
  const ran = tests.passed + tests.failed;
  if (ran === 0) failed += 1;
  summary.push(
    `${tests.failed === 0 && ran > 0 ? 'ok    ' : 'FAILED'} tests: ${tests.passed} passed, ${tests.failed} failed` +
      `${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}${ran === 0 ? ' (no test ran)' : ''} (${tests.seconds} s)`,
  );
  heading('summary');
  console.log(`${summary.join('\n')}\n`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
