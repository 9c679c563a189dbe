import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';

// The sources are TypeScript that Node runs as it is, in worker threads too; older ones cannot.
if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(
    `tests need Node 24, this is ${process.version}: use npm test, or put node_modules/.bin first on PATH`,
  );
}

const second = 1000;

function suite(
  name: string,
  include: readonly string[],
  timeoutSeconds: number,
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [...include],
      testTimeout: timeoutSeconds * second,
      // Starting PGlite from nothing takes several seconds, more on a busy machine.
      hookTimeout: Math.max(timeoutSeconds, 60) * second,
    },
  };
}

export default defineConfig({
  test: {
    // Each worker may hold a PGlite (300 MB) and a DuckDB, which has threads of its own.
    maxWorkers: 2,
    teardownTimeout: 20 * second,
    projects: [
      suite('unit', ['src/**/*.test.ts', 'bench/**/*.test.ts'], 30),
      suite('architecture', ['tests/architecture/**/*.test.ts'], 30),
      suite('storage-contract', ['tests/storage-contract/**/*.test.ts'], 60),
      suite('pgtest', ['tests/pgtest/**/*.test.ts'], 60),
      suite('drivers', ['tests/drivers/**/*.test.ts'], 60),
      suite('isolation', ['tests/isolation/**/*.test.ts'], 120),
      suite('logic', ['tests/logic/**/*.test.ts'], 240),
      suite('differential', ['tests/differential/**/*.test.ts'], 240),
      suite('open-files', ['tests/open-files/**/*.test.ts'], 240),
      suite('cli', ['tests/cli/**/*.test.ts'], 120),
      suite('e2e', ['tests/e2e/**/*.test.ts'], 240),
      suite('memory', ['tests/memory/**/*.test.ts'], 240),
      suite('metamorphic', ['tests/metamorphic/**/*.test.ts'], 240),
      suite('drop', ['tests/drop/**/*.test.ts'], 240),
      suite('crash', ['tests/crash/**/*.test.ts'], 400),
      suite('regressions', ['tests/regressions/**/*.test.ts'], 60),
      suite('support', ['tests/support/**/*.test.ts'], 60),
    ],
  },
});
