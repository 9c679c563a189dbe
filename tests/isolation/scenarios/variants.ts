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

/** What `npm test` runs. */
export const variants: readonly Variant[] = [
  { name: 'hot', words: ['hot'], options: { protocol: 'simple' } },
  {
    name: 'flushed, extended protocol',
    words: ['flushed'],
    options: { protocol: 'extended', afterData: flush },
  },
  {
    name: 'user tables, flushed',
    words: ['user', 'flushed'],
    options: { protocol: 'simple', rewrite: userTables, afterData: flush },
  },
];

/** What the long run adds. */
export const moreVariants: readonly Variant[] = [
  { name: 'hot, extended protocol', words: ['hot'], options: { protocol: 'extended' } },
  { name: 'flushed', words: ['flushed'], options: { protocol: 'simple', afterData: flush } },
  {
    name: 'user tables, extended protocol',
    words: ['user'],
    options: { protocol: 'extended', rewrite: userTables },
  },
];

/** Whether a scenario with that `variants` line is run so. */
export const runsAs = (only: readonly string[] | undefined, { words }: Variant): boolean =>
  only === undefined || words.every((word) => only.includes(word));
