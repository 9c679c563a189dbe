/**
 * Functions of schema `tide`: what the mirror declares, so that PostgreSQL resolves calls of them. The session runs them
 * (session/server-functions.ts); a call is a statement of its own: `SELECT * FROM tide.f(…)` or `SELECT tide.f(…)`.
 */
export interface ServerFunction {
  /** Types of the parameters, with defaults where they may be left out: `regclass, boolean default false`. */
  readonly parameters: string;
  /** A type, or the columns of rows. */
  readonly returns: string | readonly (readonly [name: string, type: string])[];
}

export const serverFunctions = {
  flush: {
    parameters: 'regclass',
    returns: [
      ['job_id', 'bigint'],
      ['rows_flushed', 'bigint'],
      ['users', 'bigint'],
      ['files', 'bigint'],
      ['bytes', 'bigint'],
      ['duration_ms', 'double precision'],
    ],
  },
  cancel_job: { parameters: 'bigint', returns: 'boolean' },
  backup: {
    parameters: 'text',
    returns: [
      ['job_id', 'bigint'],
      ['path', 'text'],
      ['commit_seq', 'bigint'],
      ['hot_entries', 'bigint'],
      ['files', 'bigint'],
      ['cold_rows', 'bigint'],
      ['bytes', 'bigint'],
      ['duration_ms', 'double precision'],
    ],
  },
  verify: {
    parameters: '',
    returns: [
      ['kind', 'text'],
      ['subject', 'text'],
      ['message', 'text'],
    ],
  },
  erase_user: { parameters: 'text', returns: 'jsonb' },
} as const satisfies Readonly<Record<string, ServerFunction>>;

export type ServerFunctionName = keyof typeof serverFunctions;

function declaration(name: string, { parameters, returns }: ServerFunction): string {
  const isValue = typeof returns === 'string';
  const type = isValue
    ? returns
    : `table (${returns.map((column) => column.join(' ')).join(', ')})`;
  const body = isValue ? 'return null' : 'return';
  return `create function tide.${name}(${parameters}) returns ${type} language plpgsql volatile as 'begin ${body}; end'`;
}

/** Statements that declare them in a mirror, whose schema `tide` is there. */
export const serverFunctionDeclarations: readonly string[] = Object.entries(serverFunctions).map(
  ([name, one]) => declaration(name, one),
);
