/** Makes the settings of the one PGlite session equal to those of whichever session a request is for. */

/** Role names and parameters as `SHOW` prints them, keyed by lower-case name; `role` and `session_authorization` included. */
export type SessionSettings = ReadonlyMap<string, string>;

/** Parameters whose value is a list of identifiers (GUC_LIST_QUOTE): each element is set by itself. */
const identifierLists: ReadonlySet<string> = new Set([
  'search_path',
  'temp_tablespaces',
  'local_preload_libraries',
  'session_preload_libraries',
]);

const superuser = 'postgres';

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** SplitIdentifierString: commas outside double quotes part, unquoted elements fold to lower case. */
export function splitIdentifiers(list: string): readonly string[] {
  const elements: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/gy;
  while (pattern.lastIndex < list.length || elements.length === 0) {
    const match = pattern.exec(list);
    if (match === null) return [list];
    const [, quoted, plain] = match;
    elements.push(
      quoted !== undefined ? quoted.replaceAll('""', '"') : plain!.trim().toLowerCase(),
    );
    if (match[3] === '') break;
  }
  return elements;
}

function parameterName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}

function setParameter(name: string, value: string): string {
  const values = identifierLists.has(name) ? splitIdentifiers(value) : [value];
  return `SET ${parameterName(name)} TO ${values.map(quoteLiteral).join(', ')}`;
}

/** The session user that `settings` names; undefined: PGlite's own superuser. */
function identity(settings: SessionSettings): { user: string; role: string } {
  return {
    user: settings.get('session_authorization') ?? superuser,
    role: settings.get('role') ?? 'none',
  };
}

/**
 * Statements that turn `applied` into `wanted`, undefined when they are equal already. `applied` undefined: unknown, so
 * that everything is reset first. Parameters are set as the superuser, because the session itself has already judged
 * whether its user may; the identity comes last.
 */
export function settingStatements(
  applied: SessionSettings | undefined,
  wanted: SessionSettings,
): string | undefined {
  const changes: string[] = [];
  if (applied === undefined) {
    changes.push('RESET ALL');
  } else {
    for (const name of applied.keys()) {
      if (!wanted.has(name) && name !== 'role' && name !== 'session_authorization') {
        changes.push(`RESET ${parameterName(name)}`);
      }
    }
  }
  for (const [name, value] of wanted) {
    if (name === 'role' || name === 'session_authorization') continue;
    if (applied?.get(name) !== value) changes.push(setParameter(name, value));
  }
  const before = identity(applied ?? new Map());
  const after = identity(wanted);
  const sameIdentity =
    applied !== undefined && before.user === after.user && before.role === after.role;
  if (sameIdentity && changes.length === 0) return undefined;
  const plainBefore = applied !== undefined && before.user === superuser && before.role === 'none';
  const statements = [...changes];
  // RESET SESSION AUTHORIZATION does nothing in single-user mode: the superuser is named instead.
  if (!plainBefore) statements.unshift(`SET SESSION AUTHORIZATION ${superuser}; SET ROLE none`);
  if (after.user !== superuser) {
    statements.push(`SET SESSION AUTHORIZATION ${quoteLiteral(after.user)}`);
  }
  if (after.role !== 'none') statements.push(`SET ROLE ${quoteLiteral(after.role)}`);
  return statements.join('; ');
}
