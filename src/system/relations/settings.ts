import { version } from '../../base/version.ts';
import { ownSettings } from '../../session/settings.ts';
import type { Row } from '../../types/value.ts';
import type { SystemRelation } from '../types.ts';

/** Options that tell of the machine, as PostgreSQL's data_directory does. */
const forViewersOfAll: ReadonlySet<string> = new Set(['dataDir']);

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const settings: SystemRelation = {
  name: 'settings',
  comment:
    'What new sessions start with (context session) and what the server was started with (context server).',
  columns: [
    ['name', 'text'],
    ['setting', 'text'],
    ['context', 'text'],
  ],
  rows({ viewer }, { config }) {
    /** What starts as something else than a fixed value. */
    const starts: Readonly<Record<string, string>> = {
      'tide.user_id': viewer.userId,
      'tide.materialize_limit': String(config.materializeLimitRows),
    };
    const own = [...ownSettings].map(([name, { initial }]): Row => {
      return [name, starts[name] ?? initial, 'session'];
    });
    const server = Object.entries(config)
      .filter(([name]) => viewer.seesAll || !forViewersOfAll.has(name))
      .map(([name, value]): Row => [snakeCase(name), String(value), 'server']);
    return [...own, ['version', version, 'server'], ...server];
  },
};
