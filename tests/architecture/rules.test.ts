import { describe, expect, test } from 'vitest';
import { importsOf, importViolations, layerOf } from './imports.ts';
import { layers } from './layers.ts';
import { sourceLinesMax, textViolations } from './text-rules.ts';

function violationsOf(path: string, ...specifiers: readonly string[]): readonly string[] {
  const text = specifiers.map((specifier) => `import { x } from '${specifier}';`).join('\n');
  return importViolations({ path, text }, layers);
}

describe('importsOf', () => {
  test('finds every form of import', () => {
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from './b.ts';",
      'import {',
      '  c,',
      '  type D,',
      "} from './c.ts';",
      "export * from './e.ts';",
      "export type { F } from './f.ts';",
      "import './g.ts';",
      "const h = await import('./h.ts');",
      "const i = new Worker(new URL('./i.ts', import.meta.url));",
      'import j, { k } from "./j.ts";',
      "const l = require('./l.cjs');",
    ].join('\n');
    expect(importsOf(text).toSorted()).toEqual(
      ['a', 'b', 'c', 'e', 'f', 'g', 'h', 'i', 'j'].map((name) => `./${name}.ts`).concat('./l.cjs'),
    );
  });

  test('leaves comments and plain strings alone', () => {
    expect(
      importsOf("// import './a.ts';\n * import { b } from './b.ts';\nconst c = 'from';"),
    ).toEqual([]);
    expect(importsOf("export const a = 1;\nconst b = table.from('level');")).toEqual([]);
  });
});

describe('layerOf', () => {
  test('takes the longest name', () => {
    expect(layerOf('storage/hot/level.ts', layers)?.name).toBe('storage/hot');
    expect(layerOf('storage/engine.ts', layers)?.name).toBe('storage');
    expect(layerOf('storage/types.ts', layers)?.name).toBe('storage/types.ts');
    expect(layerOf('main.ts', layers)?.name).toBe('main.ts');
    expect(layerOf('elsewhere/x.ts', layers)).toBeUndefined();
    expect(layerOf('sqlite/x.ts', layers)).toBeUndefined();
  });
});

describe('importViolations', () => {
  test('lets a layer use itself, base, types and what its row names', () => {
    expect(
      violationsOf('planner/plan.ts', './node.ts', '../base/index.ts', '../types/oid.ts'),
    ).toEqual([]);
    expect(
      violationsOf('executor/row/run.ts', '../../planner/node.ts', '../../storage/tiered/scan.ts'),
    ).toEqual([]);
    expect(violationsOf('storage/tiered/scan.ts', '../hot/store.ts', '../cold/file.ts')).toEqual(
      [],
    );
    expect(violationsOf('server.ts', './net/listener.ts', './storage/hot/level.ts')).toEqual([]);
  });

  test('refuses what the row does not name', () => {
    expect(violationsOf('protocol/codec.ts', '../session/session.ts')).toEqual([
      'protocol/codec.ts imports ../session/session.ts: protocol may not import session',
    ]);
    expect(violationsOf('storage/txn/commit.ts', '../../catalog/table.ts')).toHaveLength(1);
    expect(violationsOf('base/log.ts', '../config/options.ts')).toHaveLength(1);
    expect(violationsOf('base/log.ts', '../types/oid.ts')).toHaveLength(1);
    expect(violationsOf('session/session.ts', '../net/listener.ts')).toHaveLength(1);
  });

  test('opens one file of a folder to others where the file has a row', () => {
    expect(violationsOf('planner/plan.ts', '../analyzer/tree.ts')).toEqual([]);
    expect(violationsOf('analyzer/reader.ts', './tree.ts')).toEqual([]);
    expect(violationsOf('planner/plan.ts', '../analyzer/reader.ts')).toHaveLength(1);
    expect(violationsOf('analyzer/tree.ts', './reader.ts')).toHaveLength(1);
  });

  test('keeps the hot and the cold tier apart', () => {
    expect(violationsOf('storage/hot/a.ts', '../cold/b.ts')).toHaveLength(1);
    expect(violationsOf('storage/cold/a.ts', '../hot/b.ts')).toHaveLength(1);
    expect(violationsOf('storage/tiered/a.ts', '../hot/b.ts', '../cold/b.ts')).toEqual([]);
    expect(violationsOf('storage/engine.ts', './hot/b.ts', './cold/b.ts')).toEqual([]);
    expect(violationsOf('planner/a.ts', '../storage/types.ts')).toEqual([]);
    expect(violationsOf('planner/a.ts', '../storage/engine.ts')).toHaveLength(1);
  });

  test('gives the engines one owner each', () => {
    expect(violationsOf('duckdb/a.ts', '@duckdb/node-api')).toEqual([]);
    expect(violationsOf('executor/columnar/a.ts', '@duckdb/node-api')).toEqual([
      'executor/columnar/a.ts imports @duckdb/node-api: only duckdb may',
    ]);
    expect(violationsOf('analyzer/a.ts', '@electric-sql/pglite')).toHaveLength(1);
    expect(violationsOf('analyzer/a.ts', '@electric-sql/pglite/worker')).toHaveLength(1);
    expect(violationsOf('storage/hot/a.ts', 'level')).toEqual([]);
    expect(violationsOf('storage/tiered/a.ts', 'classic-level')).toHaveLength(1);
  });

  test('refuses folders that the table does not know, and what lies outside src', () => {
    expect(violationsOf('misc/a.ts')).toEqual(['misc/a.ts is in no folder of the table']);
    expect(violationsOf('net/a.ts', '../misc/b.ts')).toHaveLength(1);
    expect(violationsOf('net/a.ts', '../../tests/support/c.ts')).toHaveLength(1);
    expect(violationsOf('net/a.test.ts', '../../tests/support/c.ts')).toEqual([]);
  });
});

describe('textViolations', () => {
  const rest = (word: string): string => word.replaceAll('_', '');

  test.each([
    ['src/a.test.ts', 'test.on_ly("x")', 'a test that runs alone'],
    ['src/a.test.ts', 'describe.concurrent.on_ly("x")', 'a test that runs alone'],
    ['src/a.test.ts', 'it.sk_ip("x")', 'a test that is left out'],
    ['src/a.ts', '// TO_DO: later', 'work left undone'],
    ['scripts/a.mjs', '// FIX_ME', 'work left undone'],
    ['docs/a.md', 'see /wo_rk/main', "one machine's path"],
    ['docs/a.md', '/tmp/pro_be/x', "one machine's path"],
    ['bench/results/a.json', '"/ro_ot/x"', "one machine's path"],
  ])('finds in %s: %s', (path, line, what) => {
    expect(textViolations(path, `first\n${rest(line)}\n`)).toEqual([`${path}:2: ${what}`]);
  });

  test('lets ordinary text be', () => {
    expect(
      textViolations(
        'src/a.ts',
        "rows.skip(3); join(folder, 'work'); // a file under src/work/x\n",
      ),
    ).toEqual([]);
    expect(textViolations('README.md', 'npm start -- --data-dir /tmp/x')).toEqual([]);
  });

  test('bounds the length of a source file', () => {
    const lines = (count: number): string => 'x;\n'.repeat(count);
    expect(textViolations('src/a.ts', lines(sourceLinesMax))).toEqual([]);
    expect(textViolations('src/a.ts', lines(sourceLinesMax + 1))).toEqual([
      `src/a.ts: more than ${sourceLinesMax} lines`,
    ]);
    expect(textViolations('docs/a.md', lines(sourceLinesMax + 1))).toEqual([]);
  });
});
