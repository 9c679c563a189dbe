import type { MessageWriter } from '../protocol/index.ts';
import { sessionUser } from './context.ts';
import { ownSettings, reportedSettings } from './settings.ts';
import type { SessionState } from './state.ts';

/**
 * ParameterStatus: the first call tells all reported settings, later ones what has changed since, by SET or by the end of
 * a transaction that had changed it. PostgreSQL does the same right before ReadyForQuery.
 */
export function settingsReporter(
  defaults: ReadonlyMap<string, string>,
): (session: SessionState, writer: MessageWriter) => void {
  const told = new Map<string, string>();
  let seen: unknown;
  let seenRole: unknown;
  return (session, writer) => {
    const { settings, roles } = session;
    if (settings.all === seen && roles === seenRole) return;
    seen = settings.all;
    seenRole = roles;
    for (const name of reportedSettings) {
      const value = reported(session, name.toLowerCase(), defaults);
      if (told.get(name) === value) continue;
      told.set(name, value);
      writer.parameterStatus(name, value);
    }
  };
}

function reported(
  session: SessionState,
  name: string,
  defaults: ReadonlyMap<string, string>,
): string {
  if (name === 'is_superuser') return session.roles.superuser ? 'on' : 'off';
  if (name === 'session_authorization') return sessionUser(session);
  return session.settings.get(name) ?? ownSettings.get(name)?.initial ?? defaults.get(name) ?? '';
}
