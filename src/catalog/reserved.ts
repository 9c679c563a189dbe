import { PgError, SqlState } from '../base/index.ts';
import type { MirrorConnection } from './mirror.ts';
import { serverFunctions } from './server-functions.ts';
import type { MirrorRelations } from './read-mirror.ts';
import type { VirtualRelation } from './types.ts';

const serverFunctionNames = Object.keys(serverFunctions);

/** What setup.ts makes and every statement relies on, besides the computed relations. */
const intactSql = `
  select (to_regnamespace('system') is not null and to_regnamespace('tide') is not null
    and to_regclass('tide.mirror_stamp') is not null and to_regclass('tide.tablespace_locations') is not null
    and (select count(*) from pg_proc where pronamespace = to_regnamespace('tide')
      and proname = any ('{${serverFunctionNames.join(',')}}')) = ${serverFunctionNames.length}
    and to_regrole('tide_service') is not null
    and not exists (select from pg_class where relnamespace = to_regnamespace('tide') and relname not in ('mirror_stamp', 'tablespace_locations')))::text`;

function refuse(what: string): PgError {
  return new PgError(SqlState.insufficientPrivilege, `permission denied for ${what}`, {
    hint: 'It belongs to the server.',
  });
}

/**
 * After a DDL statement in the mirror, which its superuser may do anything to: what belongs to the server must be as before.
 * @throws 42501
 */
export async function requireReservedIntact(
  mirror: MirrorConnection,
  virtuals: readonly VirtualRelation[],
  relations: MirrorRelations,
): Promise<void> {
  for (const before of virtuals) {
    const now = relations.get(before.relid)?.relation;
    const same =
      now?.namespace === 'system' &&
      now.name === before.name &&
      now.indexes.length === 0 &&
      now.constraints.length === 0 &&
      now.columns.length === before.columns.length &&
      now.columns.every(({ name, type, notNull, default: given }, i) => {
        const column = before.columns[i];
        return name === column?.name && type === column.typeOid && !notNull && given === null;
      });
    if (!same) throw refuse(`table ${before.name}`);
  }
  const [row] = await mirror.rows(intactSql);
  if (row?.[0] !== 'true') throw refuse('schema tide');
}
