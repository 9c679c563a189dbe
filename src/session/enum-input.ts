/** Values of enum types that come as text or bytes, in COPY and Bind: what PostgreSQL's enum_in and enum_recv say of them. */
import { PgError, SqlState } from '../base/index.ts';
import { quoteIdentifier, splitIdentifiers } from '../pglite/index.ts';
import type { EnumType } from '../types/enum-type.ts';
import { enumOfList, invalidLabel } from '../types/enum-type.ts';
import { arrayType } from '../types/array.ts';
import type { PgType } from '../types/type.ts';
import { decodeUtf8 } from '../types/utf8.ts';
import type { Value } from '../types/value.ts';
import { currentRole } from './context.ts';
import { defaultSearchPath } from './names.ts';
import type { SessionState } from './state.ts';

/** The type with PostgreSQL's checks on what comes in; undefined: the OID is of no enum type, nor of arrays of one. */
export function enumInput(session: SessionState, typeOid: number): PgType | undefined {
  const { enums } = session.transaction.catalog;
  const found = enums.get(typeOid);
  if (found !== undefined) return checkedInput(session, found);
  const element = enumOfList(enums, typeOid);
  return element && arrayType({ ...checkedInput(session, element), arrayOid: typeOid });
}

/** @throws 22P02 for what is no label now: it was one when the value came, before the tables were locked */
export function requireLabels(
  session: SessionState,
  values: readonly Value[],
  typeOids: readonly number[],
): void {
  const { enums } = session.transaction.catalog;
  if (enums.size === 0) return;
  values.forEach((value, i) => {
    const typeOid = typeOids[i] ?? 0;
    const type = enums.get(typeOid) ?? enumOfList(enums, typeOid);
    if (type === undefined || value === null) return;
    const labels = typeof value === 'object' && 'elements' in value ? value.elements : [value];
    for (const label of labels) {
      if (typeof label !== 'string' || type.labels.some((known) => known.label === label)) continue;
      throw invalidLabel(shownName(session, type), label);
    }
  });
}

function checkedInput(session: SessionState, found: EnumType): PgType {
  const { labels, type } = found;
  const unsafe = uncommittedLabels(session, found);
  const known = new Set(labels.map(({ label }) => label));
  const checked = (label: string): string => {
    if (!known.has(label)) throw invalidLabel(shownName(session, found), label);
    if (unsafe.has(label)) throw unsafeUse(shownName(session, found), label);
    return label;
  };
  return { ...type, parse: checked, decode: (bytes) => checked(decodeUtf8(bytes)) };
}

/** Values that the session's own transaction has added to a type that was there before it. */
function uncommittedLabels(session: SessionState, type: EnumType): ReadonlySet<string> {
  const { engine, transaction } = session;
  const committed = transaction.ddl && engine.catalog.current.enums.get(type.oid);
  if (committed === undefined) return new Set();
  const safe = new Set(committed.labels.map(({ oid }) => oid));
  return new Set(type.labels.filter(({ oid }) => !safe.has(oid)).map(({ label }) => label));
}

/** enum.c, check_safe_enum_use. */
function unsafeUse(shown: string, label: string): PgError {
  return new PgError(
    SqlState.unsafeNewEnumValueUsage,
    `unsafe use of new value "${label}" of enum type ${shown}`,
    { hint: 'New enum values must be committed before they can be used.' },
  );
}

/** format_type: with the schema where the search path does not lead to the type. */
function shownName(session: SessionState, { namespace, name }: EnumType): string {
  const { catalog } = session.transaction;
  const path = session.settings.get('search_path') ?? defaultSearchPath;
  const own = `${quoteWhereNeeded(namespace)}.${quoteWhereNeeded(name)}`;
  const schemas = splitIdentifiers(path).map((element) =>
    element === '$user' ? currentRole(session) : element,
  );
  for (const schema of schemas.includes('pg_catalog') ? schemas : ['pg_catalog', ...schemas]) {
    if (schema === namespace) return quoteWhereNeeded(name);
    if (catalog.hasType(schema, name)) return own;
  }
  return own;
}

const plain = /^[a-z_][a-z0-9_]*$/;
const quoteWhereNeeded = (name: string): string =>
  plain.test(name) ? name : quoteIdentifier(name);
