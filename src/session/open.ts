import { PgError, SqlState } from '../base/index.ts';
import type { SessionHandler, StartupParameters } from './connection.ts';
import type { Engine } from './engine.ts';
import { readRole } from './roles.ts';
import { createSession } from './session.ts';
import type { SettingsStore } from './settings.ts';
import { createSettings, ownSettings, reportedSettings } from './settings.ts';
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
  for (const [name, value] of parseOptions(startup.get('options') ?? '')) wanted.set(name.toLowerCase(), value);
  for (const [name, value] of startup) {
    if (!notSettings.has(name)) wanted.set(name.toLowerCase(), value);
  }
  const settings = new Map<string, string>();
  for (const [name, value] of wanted) {
    settings.set(name, await checkSetting(engine, settings, name, value));
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
          { hint: 'The databases are "postgres" and "tide".' },
        );
      }
      if (startup.has('replication') && startup.get('replication') !== 'false') {
        throw new PgError(SqlState.featureNotSupported, 'replication connections are not supported');
      }
      const roles = await engine.catalog.shared(() => readRole(engine, client.user));
      if (roles === undefined) {
        throw new PgError(
          SqlState.invalidAuthorizationSpecification,
          `role "${client.user}" does not exist`,
        );
      }
      const given = await startupSettings(engine, startup);
      if (client.user !== 'postgres') given.set('session_authorization', client.user);
      if (given.has('tide.user_id') && !roles.superuser && !roles.service && given.get('tide.user_id') !== roles.name) {
        throw new PgError(SqlState.insufficientPrivilege, 'permission denied to set parameter "tide.user_id"');
      }
      const settings = createSettings(given);
      const report = await initialReport(engine, settings, roles.superuser);
      for (const [name, value] of report) output.writer.parameterStatus(name, value);
      return createSession({
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

/** The values of ParameterStatus by the names that PostgreSQL reports. */
async function initialReport(
  engine: Engine,
  settings: SettingsStore,
  superuser: boolean,
): Promise<[string, string][]> {
  const defaults = await reportDefaults(engine);
  return reportedSettings.map((name) => {
    const lower = name.toLowerCase();
    if (lower === 'is_superuser') return [name, superuser ? 'on' : 'off'];
    const value =
      settings.get(lower) ?? ownSettings.get(lower)?.initial ?? defaults.get(lower) ?? '';
    return [name, value];
  });
}

const defaultsOf = new WeakMap<Engine, Promise<Map<string, string>>>();

/** What PostgreSQL reports when nothing is set; asked once. */
function reportDefaults(engine: Engine): Promise<Map<string, string>> {
  let known = defaultsOf.get(engine);
  if (known === undefined) {
    const names = reportedSettings.map((name) => `'${name.toLowerCase()}'`).join(', ');
    known = engine.mirror
      .query(
        `select lower(name), coalesce(current_setting(name, true), '') from pg_settings where lower(name) in (${names})`,
        undefined,
        new Map(),
      )
      .then(({ rows }) => new Map(rows.map(([name, value]) => [name!, value!])));
    defaultsOf.set(engine, known);
  }
  return known.then((values) => new Map([...values, ['session_authorization', 'postgres']]));
}
