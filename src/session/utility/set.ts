import { PgError, SqlState, notSupported } from '../../base/index.ts';
import { auditAllUsers } from '../audit.ts';
import { characteristicSettings, isCharacteristic } from '../characteristics.ts';
import { currentRole, sessionUser, showSetting } from '../context.ts';
import { mirrorOf } from '../mirror-access.ts';
import type { MirrorAccess } from '../mirror-access.ts';
import { readRole } from '../roles.ts';
import { ownSettings } from '../settings.ts';
import type { SessionState } from '../state.ts';

const utf8Names: ReadonlySet<string> = new Set(['utf8', 'utf-8', 'unicode']);

/**
 * The canonical value of a setting as PostgreSQL (or pgtide, for its own) understands it; throws what PostgreSQL says of a
 * wrong one.
 */
export async function checkSetting(
  access: MirrorAccess,
  settings: ReadonlyMap<string, string>,
  name: string,
  value: string,
): Promise<string> {
  const own = ownSettings.get(name);
  if (own !== undefined) return own.check(value);
  if (name.startsWith('tide.')) {
    throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
  }
  if (name === 'client_encoding') {
    if (utf8Names.has(value.replaceAll(/['"]/g, '').toLowerCase())) return 'UTF8';
    throw notSupported(`client_encoding "${value}"`, { hint: 'The server speaks UTF8.' });
  }
  const { rows } = await access((mirror) =>
    mirror.query('select current_setting($1)', [name], new Map([...settings, [name, value]])),
  );
  return rows[0]?.[0] ?? value;
}

export function warnOfLocal(session: SessionState): void {
  session.notice({
    severity: 'WARNING',
    code: SqlState.noActiveSqlTransaction,
    message: 'SET LOCAL can only be used in transaction blocks',
  });
}

/** SET, SET LOCAL, RESET and set_config; returns the value that is now in force. */
export async function applySetting(
  session: SessionState,
  name: string,
  value: string | undefined,
  local: boolean,
): Promise<string> {
  const { settings, engine, transaction } = session;
  const access = mirrorOf(session);
  const lower = name.toLowerCase();
  if (isCharacteristic(lower)) {
    if (value === undefined) {
      throw new PgError(SqlState.featureNotSupported, `parameter "${lower}" cannot be reset`);
    }
    // PostgreSQL judges what is a Boolean.
    const isolation = lower === 'transaction_isolation';
    const canonical = isolation
      ? value
      : await checkSetting(access, settings.forPostgres, `default_${lower}`, value);
    const { parse, show } = characteristicSettings[lower];
    transaction.setCharacteristics(parse(canonical));
    return show(transaction.characteristics);
  }
  if (lower === 'role' || lower === 'session_authorization') {
    await checkIdentity(session, lower, value);
  }
  if (value === undefined) {
    if (!ownSettings.has(lower)) await showAnySetting(session, lower);
    settings.set(lower, undefined, local);
  } else {
    if (lower === 'tide.user_id') requireMayBe(session, value);
    if (
      lower === 'tide.scope' &&
      value.toLowerCase() === 'all' &&
      !session.roles.bypassRowSecurity
    ) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        'permission denied to set parameter "tide.scope" to "all"',
        { hint: 'Only superusers and roles with BYPASSRLS may.' },
      );
    }
    const canonical = await checkSetting(access, settings.forPostgres, lower, value);
    if (lower === 'tide.scope' && canonical === 'all' && settings.get(lower) !== 'all')
      await auditAllUsers(session);
    settings.set(lower, canonical, local);
  }
  if (lower === 'role' || lower === 'session_authorization') {
    const facts = await readRole(engine, currentRole(session), access);
    if (facts !== undefined) session.roles = facts;
  }
  return showSetting(session, lower) ?? (await showAnySetting(session, lower));
}

/** 42501 unless the session's role may act for that user. */
export function requireMayBe(session: SessionState, userId: string): void {
  const { roles } = session;
  if (roles.superuser || roles.service || userId === roles.name) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    'permission denied to set parameter "tide.user_id"',
    { hint: 'Only superusers and members of tide_service may act for other users.' },
  );
}

/** SET ROLE needs membership, SET SESSION AUTHORIZATION a superuser's login. */
async function checkIdentity(
  session: SessionState,
  name: 'role' | 'session_authorization',
  value: string | undefined,
): Promise<void> {
  const { engine } = session;
  const access = mirrorOf(session);
  if (value === undefined || (name === 'role' && value === 'none')) return;
  const wanted = await readRole(engine, value, access);
  if (wanted === undefined) {
    throw new PgError(SqlState.undefinedObject, `role "${value}" does not exist`);
  }
  const login = await readRole(
    engine,
    name === 'role' ? sessionUser(session) : session.loginUser,
    access,
  );
  if (login?.superuser === true || login?.name === value) return;
  if (name === 'role') {
    const { rows } = await access((mirror) =>
      mirror.query(
        `select pg_has_role($1, $2, 'set')::text`,
        [login?.name ?? '', value],
        new Map(),
      ),
    );
    if (rows[0]?.[0] === 'true') return;
  }
  throw new PgError(
    SqlState.insufficientPrivilege,
    name === 'role'
      ? `permission denied to set role "${value}"`
      : `permission denied to set session authorization "${value}"`,
  );
}

/** SHOW: any setting's value under this session. Throws 42704. */
export async function showAnySetting(session: SessionState, name: string): Promise<string> {
  const { settings } = session;
  const known = showSetting(session, name);
  if (known !== undefined) return known;
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query('select current_setting($1)', [name], settings.forPostgres),
  );
  return rows[0]?.[0] ?? '';
}
