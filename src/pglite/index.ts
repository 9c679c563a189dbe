/**
 * pglite: PostgreSQL itself, in WebAssembly, in a worker thread. The only folder that imports @electric-sql/pglite.
 *
 * Lifecycle: openPglite() looks at the directory (a cache: foreign or broken ones are reported to be deleted), starts
 * worker.ts, and answers requests one at a time in the order they came. When the worker dies, the request in flight fails,
 * a new worker opens the same directory, `onRestart` puts back what was lost (all of it, for an instance in memory), and
 * the waiting requests go on. close() ends the worker; an instance left open keeps the process alive.
 *
 * Settings: there is one PGlite session for all of ours. A request says which settings it needs and only the difference
 * to what the last one needed is applied, in the same round trip.
 *
 * To debug: `handle.query('…')` answers like psql; `parameters: { log_min_messages: 'debug1' }` has no effect on stderr,
 * which is kept for the DETAIL of the error when the worker dies.
 */
export {
  backendMessages,
  errorOf,
  noticesBefore,
  readParameterDescription,
  readReport,
  readRowDescription,
} from './backend-messages.ts';
export type { BackendMessage, PgliteField, TransactionStatus } from './backend-messages.ts';
export { PgliteDirectoryError } from './directory.ts';
export {
  bindMessage,
  bindValuesMessage,
  describePortalMessage,
  describeStatementMessage,
  executeMessage,
  parseMessage,
  syncMessage,
} from './frontend-messages.ts';
export { openPglite } from './handle.ts';
export type { PgliteHandle, PgliteOptions, PgliteSession, QueryResult } from './handle.ts';
export { quoteIdentifier, quoteLiteral, splitIdentifiers } from './session-settings.ts';
export type { SessionSettings } from './session-settings.ts';
export { clusterTemplate } from './template.ts';
