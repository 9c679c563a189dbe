import { PgError, SqlState } from '../base/index.ts';
import { auditAllUsersAtStart } from './audit.ts';
import type { SessionHandler, StartupParameters } from './connection.ts';
import type { Engine } from './engine.ts';
import { sharedMirror } from './mirror-access.ts';
import { readRole } from './roles.ts';
import { createSession } from './session.ts';
import { createSettings } from './settings.ts';
import { checkSetting } from './utility/set.ts';

/** Databases that a client may name; both are the one there is. */
const databases: ReadonlySet<string> = new Set(['postgres', 'tide']);

const notSettings: ReadonlySet<string> = new Set(['user', 'database', 'options', 'replication']);

/** `-c name=value`, `--name=value`, with backslash-escaped blanks (postgres's own command line). */
function parseOptions(text: string): [string, string][] {
  const words = text.match(/(?:\\.|[^\s\\])+/g)?.map((word) => word.replace(/\\(.)/g, '$1')) ?? [];
  const found: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    let assignment: string | undefined;
    if (word === '-c') assignment = words[++i];
    else if (word.startsWith('-c')) assignment = word.slice(2);
    else if (word.startsWith('--')) assignment = word.slice(2);
    const at = assignment?.indexOf('=') ?? -1;
    if (assignment === undefined || at <= 0) {
      throw new PgError(
        SqlState.syntaxError,
        `invalid command-line argument for server process: ${word}`,
      );
    }
    found.push([assignment.slice(0, at).replaceAll('-', '_'), assignment.slice(at + 1)]);
  }
  return found;
}

async function startupSettings(
  engine: Engine,
  startup: StartupParameters,
): Promise<Map<string, string>> {
  const wanted = new Map<string, string>();
  for (const [name, value] of parseOptions(startup.get('options') ?? ''))
    wanted.set(name.toLowerCase(), value);
  for (const [name, value] of startup) {
    if (!notSettings.has(name)) wanted.set(name.toLowerCase(), value);
  }
  const settings = new Map<string, string>();
  for (const [name, value] of wanted) {
    settings.set(name, await checkSetting(sharedMirror(engine), settings, name, value));
  }
  return settings;
}

export function sessionHandler(engine: Engine): SessionHandler {
  return {
    open: async (startup, client, output) => {
      if (!databases.has(client.database)) {
        // A client that names no database means its user's; there is none of that name.
        throw new PgError(
          SqlState.invalidCatalogName,
          `database "${client.database}" does not exist`,
        );
      }
      if (startup.has('replication') && startup.get('replication') !== 'false') {
        throw new PgError(
          SqlState.featureNotSupported,
          'replication connections are not supported',
        );
      }
      const roles = await readRole(engine, client.user);
      if (roles === undefined) {
        throw new PgError(
          SqlState.invalidAuthorizationSpecification,
          `role "${client.user}" does not exist`,
        );
      }
      const given = await startupSettings(engine, startup);
      if (client.user !== 'postgres') given.set('session_authorization', client.user);
      if (
        given.has('tide.user_id') &&
        !roles.superuser &&
        !roles.service &&
        given.get('tide.user_id') !== roles.name
      ) {
        throw new PgError(
          SqlState.insufficientPrivilege,
          'permission denied to set parameter "tide.user_id"',
        );
      }
      if (given.get('tide.scope') === 'all' && roles.bypassRowSecurity)
        await auditAllUsersAtStart(engine, client, given.get('tide.user_id'));
      const settings = createSettings(given);
      return createSession({
        defaults: await settingDefaults(engine),
        engine,
        client,
        output,
        processId: engine.sessions.allocateProcessId(),
        settings,
        roles,
      });
    },
  };
}

const defaultsOf = new WeakMap<Engine, Promise<ReadonlyMap<string, string>>>();

/** What each of PostgreSQL's settings is when nobody has set it; asked once. */
function settingDefaults(engine: Engine): Promise<ReadonlyMap<string, string>> {
  let known = defaultsOf.get(engine);
  if (known === undefined) {
    known = sharedMirror(engine)((mirror) =>
      mirror.query(
        `select lower(name), coalesce(current_setting(name, true), '') from pg_settings`,
        undefined,
        new Map(),
      ),
    ).then(({ rows }) => new Map(rows.map(([name, value]) => [name!, value!])));
    defaultsOf.set(engine, known);
  }
  return known;
}
