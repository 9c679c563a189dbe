/**
 * sql: text to classified statements, before anything is known about tables.
 *
 * parse() is sugar.ts (the words that PostgreSQL's grammar lacks, by tokens) → libpg-query → table-options.ts (our WITH
 * options taken out) → classify.ts, classify-utility.ts and ddl-tags.ts (records that say what each statement needs).
 * Every statement carries the text to send to PostgreSQL and the way back to positions in what the user wrote (offsets.ts).
 * qualifySystemColumns() comes later, when the session knows which names are stored tables.
 *
 * To debug: `parse(text).map((statement) => statement.text)` shows what PostgreSQL will see.
 */
export { ddlObjectNames } from './ddl-objects.ts';
export { ddlLockTargets, isConcurrent } from './ddl-locks.ts';
export type { DdlLockTarget } from './ddl-locks.ts';
export { liftLiterals, stringValue, withParameters } from './literals.ts';
export type { LiftedText, LiteralType } from './literals.ts';
export { parse } from './parse.ts';
export { rolePasswords, withoutPasswords, withPasswords } from './passwords.ts';
export type { RoleNamed } from './passwords.ts';
export { parseCached, parsedBefore } from './parse-cache.ts';
export type * from './statement.ts';
export type { TableKind } from './sugar.ts';
export { qualifySystemColumns } from './system-columns.ts';
export type { StoredTableLookup } from './system-columns.ts';
export { moveAllStatement, tablespaceStatement } from './tablespace-statements.ts';
export type { TablespaceStatement } from './tablespace-statements.ts';
export { typeChanges } from './type-changes.ts';
export type { TypeChange } from './type-changes.ts';
