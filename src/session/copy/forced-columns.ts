import { PgError, SqlState } from '../../base/index.ts';
import type { CopyOptions } from './options.ts';

/**
 * The columns that FORCE_QUOTE, FORCE_NOT_NULL and FORCE_NULL name must exist (42703) and be copied (42P10).
 * `relation` is undefined for COPY (query) TO.
 */
export function checkForcedColumns(
  options: CopyOptions,
  relation: { readonly name: string; readonly columns: readonly string[] } | undefined,
  copied: readonly string[],
): void {
  const lists = [
    ['FORCE_QUOTE', options.forceQuote],
    ['FORCE_NOT_NULL', options.forceNotNull],
    ['FORCE_NULL', options.forceNull],
  ] as const;
  for (const [option, names] of lists) {
    if (names === '*') continue;
    for (const [index, name] of names.entries()) {
      if (!(relation?.columns ?? copied).includes(name)) {
        const of = relation === undefined ? '' : ` of relation "${relation.name}"`;
        throw new PgError(SqlState.undefinedColumn, `column "${name}"${of} does not exist`);
      }
      if (names.indexOf(name) !== index) {
        throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
      }
      if (!copied.includes(name)) {
        throw new PgError(
          SqlState.invalidColumnReference,
          `${option} column "${name}" not referenced by COPY`,
        );
      }
    }
  }
}
