import { PgError, SqlState } from '../base/index.ts';
import type { TypeContext } from '../types/type.ts';
import { defaultTypeContext } from '../types/type.ts';

/** Settings that pgtide itself gives meaning to; PostgreSQL judges all others. */
export interface OwnSetting {
  readonly initial: string;
  /** The canonical value; throws 22023. */
  readonly check: (value: string) => string;
}

function invalidValue(name: string, value: string, hint?: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid value for parameter "${name}": "${value}"`,
    { hint },
  );
}

function choice(name: string, initial: string, values: readonly string[]): [string, OwnSetting] {
  const check = (value: string): string => {
    const lower = value.toLowerCase();
    if (!values.includes(lower)) {
      throw invalidValue(name, value, `Available values: ${values.join(', ')}.`);
    }
    return lower;
  };
  return [name, { initial, check }];
}

/** parse_bool: unique prefixes of true/false/yes/no, on/off, 1/0. */
function parseBool(value: string): boolean | undefined {
  const lower = value.trim().toLowerCase();
  if (lower === '') return undefined;
  if ('true'.startsWith(lower) || 'yes'.startsWith(lower) || lower === 'on' || lower === '1')
    return true;
  if ('false'.startsWith(lower) || 'no'.startsWith(lower) || lower === '0') return false;
  return lower === 'of' || lower === 'off' ? false : undefined;
}

function toggle(name: string): [string, OwnSetting] {
  const check = (value: string): string => {
    const parsed = parseBool(value);
    if (parsed === undefined) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `parameter "${name}" requires a Boolean value`,
      );
    }
    return parsed ? 'on' : 'off';
  };
  return [name, { initial: 'off', check }];
}

const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration as PostgreSQL's GUC_UNIT_MS settings take it; shown in the largest unit that divides it. */
function duration(name: string): [string, OwnSetting] {
  const check = (value: string): string => {
    const match = /^\s*(-?\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(value);
    const unit = match?.[2] === '' ? 1 : unitMs[match?.[2] ?? ''];
    if (match === null || unit === undefined) {
      throw invalidValue(
        name,
        value,
        match === null
          ? undefined
          : 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
      );
    }
    const ms = Math.round(Number(match[1]) * unit);
    if (ms < 0 || ms > 2_147_483_647) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `${ms} ms is outside the valid range for parameter "${name}" (0 ms .. 2147483647 ms)`,
      );
    }
    return showMs(ms);
  };
  return [name, { initial: '0', check }];
}

function showMs(ms: number): string {
  if (ms === 0) return '0';
  for (const unit of ['d', 'h', 'min', 's'] as const) {
    if (ms % unitMs[unit]! === 0) return `${ms / unitMs[unit]!}${unit}`;
  }
  return `${ms}ms`;
}

/** Milliseconds of a duration setting's canonical text. */
export function durationMs(text: string): number {
  const match = /^(\d+)([a-z]*)$/.exec(text);
  return match === null ? 0 : Number(match[1]) * (unitMs[match[2] || 'ms'] ?? 1);
}

function positiveInteger(name: string, initial: number): [string, OwnSetting] {
  const check = (value: string): string => {
    const parsed = Number(value);
    if (!Number.isSafeInteger(parsed) || parsed < 1 || parsed > 2_147_483_647) {
      throw invalidValue(name, value, 'Give a whole number from 1 to 2147483647.');
    }
    return String(parsed);
  };
  return [name, { initial: String(initial), check }];
}

export const userIdBytesMax = 256;

function userId(value: string): string {
  const bytes = Buffer.byteLength(value);
  if (bytes < 1 || bytes > userIdBytesMax) {
    throw invalidValue('tide.user_id', value, `A user id has 1 to ${userIdBytesMax} bytes.`);
  }
  return value;
}

export const ownSettings: ReadonlyMap<string, OwnSetting> = new Map([
  // Empty: as the session's role is.
  ['tide.user_id', { initial: '', check: userId }],
  choice('tide.scope', 'user', ['user', 'all']),
  toggle('tide.include_deleted'),
  toggle('tide.hard_delete'),
  choice('tide.executor', 'auto', ['auto', 'row', 'columnar', 'postgres']),
  positiveInteger('tide.materialize_limit', 1_000_000),
  duration('statement_timeout'),
  duration('lock_timeout'),
  duration('idle_in_transaction_session_timeout'),
  duration('idle_session_timeout'),
  duration('transaction_timeout'),
  choice('default_transaction_isolation', 'read committed', [
    'serializable',
    'repeatable read',
    'read committed',
    'read uncommitted',
  ]),
  toggle('default_transaction_read_only'),
  toggle('default_transaction_deferrable'),

  choice('synchronous_commit', 'on', ['on', 'off', 'local', 'remote_write', 'remote_apply']),
]);

/** Settings whose change PostgreSQL reports to the client by itself (GUC_REPORT), in the order of their first report. */
export const reportedSettings: readonly string[] = [
  'in_hot_standby',
  'integer_datetimes',
  'TimeZone',
  'IntervalStyle',
  'search_path',
  'is_superuser',
  'application_name',
  'default_transaction_read_only',
  'scram_iterations',
  'DateStyle',
  'standard_conforming_strings',
  'session_authorization',
  'client_encoding',
  'server_version',
  'server_encoding',
];

/** Settings that no computation in PostgreSQL depends on: they stay out of what PGlite is told. */
const clientOnly: ReadonlySet<string> = new Set([
  'application_name',
  'client_encoding',
  'client_min_messages',
  'log_statement',
  'log_min_messages',
  'log_min_duration_statement',
]);

/** Settings that DDL alone goes by (tablespaces.ts): what they name may have been dropped meanwhile. */
const ddlOnly: ReadonlySet<string> = new Set(['default_tablespace', 'temp_tablespaces']);

export interface SettingsLayer {
  readonly session: ReadonlyMap<string, string>;
  readonly local: ReadonlyMap<string, string>;
}

/**
 * A session's settings that differ from the server's defaults, by lower-case name; with PostgreSQL's transaction rules:
 * SET LOCAL ends with the transaction, a rolled back transaction undoes SET.
 */
export interface SettingsStore {
  get(name: string): string | undefined;
  /** What SET LOCAL has set, if it has. */
  local(name: string): string | undefined;
  /** Undefined resets. */
  set(name: string, value: string | undefined, local: boolean): void;
  resetAll(): void;
  beginTransaction(): void;
  commit(): void;
  rollback(): void;
  /** All that is set now; `restore` brings it back: a savepoint. */
  readonly layer: SettingsLayer;
  restore(layer: SettingsLayer): void;
  /** What PGlite must know to compute the same; the same object until something changes. */
  readonly forPostgres: ReadonlyMap<string, string>;
  /** Identifies forPostgres among sessions, for caches of analyzed statements. */
  readonly fingerprint: string;
  readonly all: ReadonlyMap<string, string>;
  readonly types: TypeContext;
}

export function createSettings(startup: ReadonlyMap<string, string>): SettingsStore {
  let layer: SettingsLayer = { session: new Map(startup), local: new Map() };
  let saved: SettingsLayer | undefined;
  let derived: Derived | undefined;

  const derive = (): Derived => (derived ??= deriveFrom(layer));
  const change = (next: SettingsLayer): void => {
    layer = next;
    derived = undefined;
  };
  return {
    get: (name) => layer.local.get(name) ?? layer.session.get(name),
    local: (name) => layer.local.get(name),
    set: (name, value, local) => {
      const edit = (
        map: ReadonlyMap<string, string>,
        to: string | undefined,
      ): Map<string, string> => {
        const copy = new Map(map);
        if (to === undefined) copy.delete(name);
        else copy.set(name, to);
        return copy;
      };
      // RESET is SET TO DEFAULT: at the session's level it reveals what the start-up packet gave.
      const to = value ?? (local ? undefined : startup.get(name));
      if (local) change({ session: layer.session, local: edit(layer.local, to) });
      else change({ session: edit(layer.session, to), local: edit(layer.local, undefined) });
    },
    resetAll: () => {
      const kept = ['role', 'session_authorization'];
      const session = new Map(startup);
      for (const name of kept) {
        const value = layer.session.get(name);
        if (value !== undefined) session.set(name, value);
      }
      change({ session, local: new Map() });
    },
    beginTransaction: () => {
      saved ??= layer;
    },
    commit: () => {
      saved = undefined;
      if (layer.local.size > 0) change({ session: layer.session, local: new Map() });
    },
    rollback: () => {
      if (saved !== undefined) {
        if (saved !== layer) change(saved);
        saved = undefined;
      }
      if (layer.local.size > 0) change({ session: layer.session, local: new Map() });
    },
    get layer() {
      return layer;
    },
    restore: (to) => {
      if (to !== layer) change(to);
    },
    get forPostgres() {
      return derive().forPostgres;
    },
    get fingerprint() {
      return derive().fingerprint;
    },
    get all() {
      return derive().all;
    },
    get types() {
      return derive().types;
    },
  };
}

interface Derived {
  readonly all: ReadonlyMap<string, string>;
  readonly forPostgres: ReadonlyMap<string, string>;
  readonly fingerprint: string;
  readonly types: TypeContext;
}

function deriveFrom(layer: SettingsLayer): Derived {
  const all = new Map([...layer.session, ...layer.local]);
  const entries = [...all].filter(
    ([name]) => !clientOnly.has(name) && !ownSettings.has(name) && !ddlOnly.has(name),
  );
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    all,
    forPostgres: new Map(entries),
    fingerprint: JSON.stringify(entries),
    types: typeContext(all),
  };
}

function typeContext(settings: ReadonlyMap<string, string>): TypeContext {
  const [style = 'ISO', order = 'MDY'] = (settings.get('datestyle') ?? 'ISO, MDY').split(/,\s*/);
  const interval = settings.get('intervalstyle') ?? defaultTypeContext.intervalStyle;
  return {
    timeZone: settings.get('timezone') ?? defaultTypeContext.timeZone,
    dateStyle: style as TypeContext['dateStyle'],
    dateOrder: order as TypeContext['dateOrder'],
    intervalStyle: interval as TypeContext['intervalStyle'],
    byteaOutput: (settings.get('bytea_output') ?? 'hex') as TypeContext['byteaOutput'],
    extraFloatDigits: Number(settings.get('extra_float_digits') ?? 1),
    transactionTime: 0n,
  };
}
