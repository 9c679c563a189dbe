import { posix } from 'node:path';
import type { Layer } from './layers.ts';
import { openToAll, openToTests, packageOwners } from './layers.ts';

/** One source file: its path under src/ with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const importPatterns: readonly RegExp[] = [
  // import … from 'x', export … from 'x': from the keyword at the start of a line to the first quoted word.
  /^\s*(?:import|export)\b[^'"`;=()]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  // import 'x'
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  // import('x'), require('x'), require.resolve('x')
  /\b(?:import|require(?:\.resolve)?)\s*\(\s*['"]([^'"]+)['"]/g,
  // new URL('./worker.ts', import.meta.url)
  /\bnew URL\(\s*['"]([^'"]+\.[cm]?[jt]s)['"]\s*,\s*import\.meta\.url/g,
];

/** What `text` imports, in the words it uses, each once. Comments do not count. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(/^\s*(?:\/\/.*|\/?\*.*)$/gm, '');
  const found = new Set<string>();
  for (const pattern of importPatterns) {
    for (const match of code.matchAll(pattern)) if (match[1] !== undefined) found.add(match[1]);
  }
  return [...found];
}

/** The layer that `path` (under src/) belongs to: the longest name that is the path or a folder above it. */
export function layerOf(path: string, layers: readonly Layer[]): Layer | undefined {
  return layers
    .filter(({ name }) => path === name || path.startsWith(`${name}/`))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** A test, or what tests share. */
function isTest(path: string): boolean {
  return /\.test(?:-support)?\.ts$/.test(path);
}

function isNamed(layer: string, names: readonly string[]): boolean {
  return names.some((name) => name === '*' || name === layer || layer.startsWith(`${name}/`));
}

/**
 * Whether `from` may import `to`. A folder may import a file of its own that has a row; a row of a folder's sub-folder
 * says all that it may import of that folder.
 */
export function mayImport(from: Layer, to: Layer): boolean {
  if (from.name === to.name) return true;
  if (isNamed(to.name, openToAll)) return from.name !== 'base';
  if (to.name.endsWith('.ts') && to.name.startsWith(`${from.name}/`)) return true;
  const inSameFolder = from.name.includes('/') && to.name.split('/')[0] === from.name.split('/')[0];
  return inSameFolder ? from.mayImport.includes(to.name) : isNamed(to.name, from.mayImport);
}

/** Every import in `file` that the table forbids, as one line each. */
export function importViolations(file: SourceFile, layers: readonly Layer[]): readonly string[] {
  const own = layerOf(file.path, layers);
  if (own === undefined) return [`${file.path} is in no folder of the table`];
  const violations: string[] = [];
  for (const specifier of importsOf(file.text)) {
    if (!specifier.startsWith('.')) {
      const owner = packageOwners.get(packageOf(specifier));
      const isOwner = owner === undefined || own.name === owner || own.name.startsWith(`${owner}/`);
      if (!isOwner) violations.push(`${file.path} imports ${specifier}: only ${owner} may`);
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(file.path), specifier));
    if (target.startsWith('..')) {
      if (!isTest(file.path) && target !== '../package.json') {
        violations.push(`${file.path} imports ${specifier}, which is outside src`);
      }
      continue;
    }
    const to = layerOf(target, layers);
    if (to === undefined) {
      violations.push(`${file.path} imports ${specifier}, which is in no folder of the table`);
    } else if (!mayImport(own, to) && !(isTest(file.path) && isNamed(to.name, openToTests))) {
      violations.push(`${file.path} imports ${specifier}: ${own.name} may not import ${to.name}`);
    }
  }
  return violations;
}
