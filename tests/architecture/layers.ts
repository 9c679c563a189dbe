/**
 * docs/architecture.md's folder table as data: which folder of src/ may import from which. `base` and `types` are open
 * to all, only `base` itself imports nothing. A longer name wins over a shorter one: `storage/hot` has its own
 * row and is no part of the row `storage`.
 */
export interface Layer {
  /** Folder under src/, without a slash at the end; or a file. */
  readonly name: string;
  /** Layers this one may import from, besides itself, `base` and `types`. A name covers the layers below it. */
  readonly mayImport: readonly string[];
}

/** The layers below `session`, which may use them all. */
const belowSession: readonly string[] = [
  'config',
  'protocol',
  'sql',
  'analyzer',
  'planner',
  'executor',
  'storage',
  'catalog',
  'jobs',
  'live',
  'auth',
  'audit',
  'system',
  'duckdb',
  'locks',
  'pglite',
];

const storageParts: readonly string[] = [
  'locks',
  'storage',
  'storage/types.ts',
  'storage/tuple',
  'storage/keys',
  'storage/hot',
  'storage/cold',
  'storage/txn',
  'storage/tiered',
];

export const layers: readonly Layer[] = [
  { name: 'base', mayImport: [] },
  { name: 'types', mayImport: [] },
  { name: 'config', mayImport: [] },
  { name: 'protocol', mayImport: [] },
  { name: 'sql', mayImport: [] },
  { name: 'duckdb', mayImport: [] },
  { name: 'locks', mayImport: [] },
  { name: 'pglite', mayImport: [] },
  // The Query tree's types: a leaf, so that the catalog can hold analysed expressions (defaults, checks).
  { name: 'analyzer/tree.ts', mayImport: [] },
  { name: 'analyzer', mayImport: ['sql', 'catalog', 'pglite'] },
  {
    name: 'planner',
    mayImport: ['analyzer/tree.ts', 'catalog', 'storage/types.ts', 'executor/print'],
  },
  // Writes a Query tree as SQL text, from which the shippability table takes its words.
  { name: 'executor/print', mayImport: ['analyzer/tree.ts', 'catalog', 'executor'] },
  {
    name: 'executor',
    mayImport: [
      'planner',
      'locks',
      'storage',
      'duckdb',
      'pglite',
      'catalog',
      'analyzer/tree.ts',
      'executor/print',
    ],
  },
  // What callers of storage are promised: open to the planner too, which chooses among indexes.
  { name: 'storage/types', mayImport: ['locks'] },
  { name: 'storage/types.ts', mayImport: ['storage/types'] },
  // The files at the top of storage hold what its parts share, and put the parts together.
  { name: 'storage', mayImport: storageParts },
  { name: 'storage/tuple', mayImport: ['storage', 'storage/types.ts'] },
  { name: 'storage/keys', mayImport: ['storage', 'storage/types.ts', 'storage/tuple'] },
  { name: 'storage/hot', mayImport: ['storage', 'storage/types.ts', 'storage/keys'] },
  {
    name: 'storage/cold',
    mayImport: [...storageParts.filter((part) => part !== 'storage/hot'), 'duckdb'],
  },
  // A transaction reads through both tiers, which tiered joins; it knows the cold one only through that.
  { name: 'storage/txn', mayImport: storageParts.filter((part) => part !== 'storage/cold') },
  { name: 'storage/tiered', mayImport: storageParts },
  {
    name: 'catalog',
    mayImport: ['locks', 'storage', 'sql', 'pglite', 'analyzer/tree.ts', 'auth/passwords'],
  },
  { name: 'jobs', mayImport: ['audit', 'locks', 'storage', 'catalog'] },
  { name: 'live', mayImport: ['planner', 'executor', 'storage', 'catalog'] },
  // What is kept of passwords: a leaf, so that the catalog can see to it that nothing else is.
  { name: 'auth/passwords', mayImport: [] },
  { name: 'auth', mayImport: ['catalog', 'auth/passwords'] },
  { name: 'audit', mayImport: ['storage'] },
  {
    name: 'system',
    mayImport: ['locks', 'audit', 'catalog', 'jobs', 'live', 'session', 'storage'],
  },
  { name: 'session', mayImport: belowSession },
  { name: 'net', mayImport: ['protocol', 'session', 'auth'] },
  { name: 'cli', mayImport: ['*'] },
  { name: 'server.ts', mayImport: ['*'] },
  { name: 'recovery', mayImport: ['session'] },
  { name: 'main.ts', mayImport: ['*'] },
];

/** Layers that every layer may import from. */
export const openToAll: readonly string[] = ['base', 'types'];

/** Layers that tests in src/ may import from as well: PostgreSQL itself, the oracle. */
export const openToTests: readonly string[] = ['analyzer', 'pglite'];

/** Packages with one owner each. */
export const packageOwners: ReadonlyMap<string, string> = new Map([
  ['@duckdb/node-api', 'duckdb'],
  ['@electric-sql/pglite', 'pglite'],
  ['level', 'storage/hot'],
  ['classic-level', 'storage/hot'],
]);
