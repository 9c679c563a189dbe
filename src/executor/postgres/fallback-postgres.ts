import type { PgError } from '../../base/index.ts';
import {
  backendMessages,
  bindValuesMessage,
  describePortalMessage,
  errorOf,
  executeMessage,
  parseMessage,
  readReport,
  readRowDescription,
  syncMessage,
} from '../../pglite/index.ts';
import type { PgliteField, PgliteSession } from '../../pglite/index.ts';

export interface FallbackRequest {
  readonly sql: string;
  /** Text, by $n. */
  readonly params: readonly (string | null)[];
  /** By Bind's rule: one for all, or one a column; 0 text, 1 binary. */
  readonly resultFormats: readonly number[];
  readonly settings: ReadonlyMap<string, string>;
  /** Ends the statement; its reason is thrown. */
  readonly signal: AbortSignal;
}

export interface FallbackResult {
  readonly fields: readonly PgliteField[];
  /** DataRow bodies. */
  readonly rows: readonly Buffer[];
  /** What the statement failed with, after these rows. */
  readonly error: PgError | undefined;
}

/** A PostgreSQL that computes for us; it holds our catalog and none of our rows. Throws PostgreSQL's own PgErrors. */
export interface FallbackPostgres {
  run(request: FallbackRequest): Promise<FallbackResult>;
}

/** The fallback over PGlite. A statement aborted while it runs costs a new worker; one that waits just leaves the queue. */
export function pgliteFallback(open: () => Promise<PgliteSession>): FallbackPostgres {
  return { run: (request) => runNow(open, request) };
}

async function runNow(
  open: () => Promise<PgliteSession>,
  { sql, params, resultFormats, settings, signal }: FallbackRequest,
): Promise<FallbackResult> {
  signal.throwIfAborted();
  const handle = await open();
  const values = params.map((param) => (param === null ? null : Buffer.from(param, 'utf8')));
  const bytes = Buffer.concat([
    parseMessage(sql),
    bindValuesMessage({ formats: [], values, resultFormats }),
    describePortalMessage(),
    executeMessage(),
    syncMessage(),
  ]);
  return readResult(await handle.protocol(bytes, settings, signal));
}

function readResult(response: Uint8Array): FallbackResult {
  let fields: readonly PgliteField[] = [];
  const rows: Buffer[] = [];
  let error: PgError | undefined;
  for (const { tag, body } of backendMessages(response)) {
    if (tag === 'T') fields = readRowDescription(body);
    else if (tag === 'D') rows.push(body);
    else if (tag === 'E') {
      // Positions are those of the printed text, which the client has never seen.
      const { position: _position, internalPosition: _internal, ...report } = readReport(body);
      error ??= errorOf(report);
    }
  }
  return { fields, rows, error };
}
