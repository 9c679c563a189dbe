import { SqlState } from './sqlstate.ts';

export type Severity =
  | 'ERROR'
  | 'FATAL'
  | 'PANIC'
  | 'WARNING'
  | 'NOTICE'
  | 'DEBUG'
  | 'INFO'
  | 'LOG';

/** The fields of an ErrorResponse or NoticeResponse, by PostgreSQL's names (protocol docs, "Error and Notice Message Fields"). */
export interface Report {
  readonly severity: Severity;
  /** Five characters; see SqlState. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based, in characters of the statement's text. */
  readonly position?: number | undefined;
  readonly internalPosition?: number | undefined;
  readonly internalQuery?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: string | undefined;
  readonly routine?: string | undefined;
}

export type ReportFields = Partial<Omit<Report, 'code' | 'message'>>;

/** Every error that a client may see. Anything else that is thrown is our bug and is reported as XX000. */
export class PgError extends Error {
  readonly report: Report;

  constructor(code: string, message: string, fields: ReportFields = {}) {
    super(message);
    this.name = 'PgError';
    this.report = { severity: 'ERROR', ...fields, code, message };
  }

  get code(): string {
    return this.report.code;
  }

  /** The same error with more fields; fields already set are kept. */
  with(fields: ReportFields): PgError {
    const { code, message, ...own } = this.report;
    return new PgError(code, message, { ...fields, ...own });
  }
}

/** 0A000, for what PostgreSQL has and pgtide has not. Listed in docs/compatibility.md. */
export function notSupported(what: string, fields: ReportFields = {}): PgError {
  return new PgError(SqlState.featureNotSupported, `${what} is not supported`, fields);
}

/** What the operating system says of a disk that is full. */
const fullDisk = /ENOSPC|EDQUOT|no space left on device|disk quota exceeded/i;
/** What else it says of files: Node's codes, and DuckDB's own word for them. */
const fileErrors: ReadonlySet<string> = new Set(['EIO', 'EROFS', 'EACCES', 'EMFILE', 'ENFILE']);
const duckdbFileError = /^IO Error: /;

/** 53100 or 58030 when `error` is the operating system's about a file or a disk. */
export function diskError(error: unknown): PgError | undefined {
  if (!(error instanceof Error) || error instanceof PgError) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const message = error.message.replace(duckdbFileError, '');
  if (fullDisk.test(`${code} ${message}`))
    return new PgError(SqlState.diskFull, `could not write a file: ${message}`);
  if (fileErrors.has(code) || duckdbFileError.test(error.message))
    return new PgError(SqlState.ioError, `could not read or write a file: ${message}`);
  return undefined;
}

/** What a client is told of `error`: its own report, one of the disk's, or XX000 when it is our bug. */
export function reportOf(error: unknown): Report {
  if (error instanceof PgError) return error.report;
  const disk = diskError(error);
  if (disk !== undefined) return disk.report;
  const message = error instanceof Error ? error.message : String(error);
  return { severity: 'ERROR', code: SqlState.internalError, message: `internal error: ${message}` };
}
