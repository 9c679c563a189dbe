/** The ways in which pgtide runs every scenario; all must show the same. */
import type { WorldOptions } from './world.ts';

export interface Variant {
  readonly name: string;
  /** Words of a scenario's `variants` line; all of them must be there when there is such a line. */
  readonly words: readonly string[];
  readonly options: Pick<WorldOptions, 'protocol' | 'rewrite' | 'afterData'>;
}

const flush = (table: string): string => `flush table ${table}`;
const userTables = (sql: string): string => sql.replace(/^create table/i, 'create user table');

const hot: Variant = { name: 'hot', words: ['hot'], options: { protocol: 'simple' } };
const flushedExtended: Variant = {
  name: 'flushed, extended protocol',
  words: ['flushed'],
  options: { protocol: 'extended', afterData: flush },
};
const userFlushedExtended: Variant = {
  name: 'user tables, flushed, extended protocol',
  words: ['user', 'flushed'],
  options: { protocol: 'extended', rewrite: userTables, afterData: flush },
};

/** What the long run runs: each choice with each. */
export const variants: readonly Variant[] = [
  hot,
  flushedExtended,
  userFlushedExtended,
  { name: 'hot, extended protocol', words: ['hot'], options: { protocol: 'extended' } },
  { name: 'flushed', words: ['flushed'], options: { protocol: 'simple', afterData: flush } },
  {
    name: 'user tables, extended protocol',
    words: ['user'],
    options: { protocol: 'extended', rewrite: userTables },
  },
  {
    name: 'user tables, flushed',
    words: ['user', 'flushed'],
    options: { protocol: 'simple', rewrite: userTables, afterData: flush },
  },
];

/** What `npm test` runs of a scenario with that `variants` line: the plainest, and the one that is furthest from it. */
export const quickVariants = (only: readonly string[] | undefined): readonly Variant[] => [
  hot,
  ...[userFlushedExtended, flushedExtended].filter((variant) => runsAs(only, variant)).slice(0, 1),
];

/** Whether a scenario with that `variants` line is run so. */
export const runsAs = (only: readonly string[] | undefined, { words }: Variant): boolean =>
  only === undefined || words.every((word) => only.includes(word));
