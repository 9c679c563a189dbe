/** What the statements about tablespaces say, and what the mirror is told in their place. */
import { assert } from '../base/index.ts';
import type { DdlStatement } from './statement.ts';
import { scanTokens } from './tokens.ts';

export type TablespaceStatement =
  | {
      readonly kind: 'create';
      readonly name: string;
      readonly location: string;
      /** The statement with an empty location: a tablespace in place. */
      readonly inPlace: string;
    }
  | { readonly kind: 'drop'; readonly name: string };

/** CREATE or DROP TABLESPACE; undefined: another statement. */
export function tablespaceStatement({ node, text }: DdlStatement): TablespaceStatement | undefined {
  if ('DropTableSpaceStmt' in node)
    return { kind: 'drop', name: node.DropTableSpaceStmt.tablespacename ?? '' };
  if (!('CreateTableSpaceStmt' in node)) return undefined;
  const { tablespacename: name = '', location = '' } = node.CreateTableSpaceStmt;
  // Nothing before the location is a string: neither the name nor the owner can be one.
  const literal = scanTokens(text)?.find((token) => token.kind === 'string');
  assert(literal !== undefined, 'PostgreSQL has read a string there');
  const inPlace = `${text.slice(0, literal.start)}''${text.slice(literal.end)}`;
  return { kind: 'create', name, location, inPlace };
}

/** Objects of the server itself, which have no place of their own. */
const stayAtHome = `
; do $$ declare moved text; begin
  for moved in select format('alter table %I.%I set tablespace pg_default', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.reltablespace <> 0 and c.relkind = 'r' and n.nspname in ('information_schema', 'system', 'tide')
  loop execute moved; end loop; end $$`;

/** ALTER TABLE ALL IN TABLESPACE, which a superuser's takes the server's own relations along; undefined: another statement. */
export function moveAllStatement({
  node,
  text,
}: DdlStatement): { readonly sql: string; readonly noWait: boolean } | undefined {
  if (!('AlterTableMoveAllStmt' in node)) return undefined;
  const { orig_tablespacename: from, nowait } = node.AlterTableMoveAllStmt;
  const sql = from === 'pg_default' ? `${text}\n${stayAtHome}` : text;
  return { sql, noWait: nowait === true };
}
