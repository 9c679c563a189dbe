/** What an advisory lock function does. */
export interface AdvisoryFunction {
  readonly name: string;
  /** Types of its arguments. */
  readonly args: string;
  /** lock waits; unlockAll returns nothing: those can only be called in a select list. */
  readonly does: 'lock' | 'try' | 'unlock' | 'unlockAll';
  readonly shared: boolean;
  /** Until the transaction ends, or until it is given back or the session ends. */
  readonly until: 'transaction' | 'session';
}

/** pg_proc.dat's OIDs, each for the bigint and for the two int arguments. */
const rows: readonly (readonly [
  oids: readonly number[],
  name: string,
  does: AdvisoryFunction['does'],
  shared: boolean,
  until: AdvisoryFunction['until'],
])[] = [
  [[2880, 2886], 'pg_advisory_lock', 'lock', false, 'session'],
  [[2881, 2887], 'pg_advisory_lock_shared', 'lock', true, 'session'],
  [[2882, 2888], 'pg_try_advisory_lock', 'try', false, 'session'],
  [[2883, 2889], 'pg_try_advisory_lock_shared', 'try', true, 'session'],
  [[2884, 2890], 'pg_advisory_unlock', 'unlock', false, 'session'],
  [[2885, 2891], 'pg_advisory_unlock_shared', 'unlock', true, 'session'],
  [[2892], 'pg_advisory_unlock_all', 'unlockAll', false, 'session'],
  [[3089, 3093], 'pg_advisory_xact_lock', 'lock', false, 'transaction'],
  [[3090, 3094], 'pg_advisory_xact_lock_shared', 'lock', true, 'transaction'],
  [[3091, 3095], 'pg_try_advisory_xact_lock', 'try', false, 'transaction'],
  [[3092, 3096], 'pg_try_advisory_xact_lock_shared', 'try', true, 'transaction'],
];

export const advisoryFunctions: ReadonlyMap<number, AdvisoryFunction> = new Map(
  rows.flatMap(([oids, name, does, shared, until]) =>
    oids.map((oid, i): [number, AdvisoryFunction] => {
      const args = does === 'unlockAll' ? '' : i === 0 ? 'int8' : 'int4,int4';
      return [oid, { name, args, does, shared, until }];
    }),
  ),
);

/** Whether a call takes no wait and gives a value, so that it may stand in any expression. */
export const isPlain = ({ does }: AdvisoryFunction): boolean => does === 'try' || does === 'unlock';
