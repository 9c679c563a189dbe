import { describe, expect, test } from 'vitest';
import { readRepositoryFile, repositoryPaths } from './files.ts';
import { importViolations } from './imports.ts';
import { layers } from './layers.ts';
import { textViolations } from './text-rules.ts';

const paths = repositoryPaths();
const sources = paths
  .filter((path) => path.startsWith('src/') && path.endsWith('.ts'))
  .map((path) => ({ path: path.slice('src/'.length), text: readRepositoryFile(path) }));

describe('the repository', () => {
  test('has sources, which these tests read', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.some(({ path }) => path === 'base/error.ts')).toBe(true);
  });

  test('keeps to the table of folders and who may import what', () => {
    expect(sources.flatMap((file) => importViolations(file, layers))).toEqual([]);
  });

  test('names only layers that exist in the table', () => {
    const names = new Set(layers.map(({ name }) => name));
    const unknown = layers.flatMap(({ mayImport }) =>
      mayImport.filter((name) => name !== '*' && !names.has(name)),
    );
    expect(unknown).toEqual([]);
  });

  test("has no test that is left out, no work left undone, no machine's path, no overlong file", () => {
    expect(paths.flatMap((path) => textViolations(path, readRepositoryFile(path)))).toEqual([]);
  });
});
