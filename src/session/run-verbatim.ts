import { assert } from '../base/index.ts';
import type { PgError, Report } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
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
} from '../pglite/index.ts';
import type { PgliteSession, SessionSettings } from '../pglite/index.ts';
import type { RawParameters } from './bind-params.ts';

export interface VerbatimResult {
  readonly fields: readonly FieldDescription[];
  /** DataRow bodies, in the formats that were asked for. */
  readonly rows: readonly Uint8Array[];
  readonly tag: string;
  readonly notices: readonly Report[];
}

/** Runs a statement in PostgreSQL itself and hands its rows on as they are. Throws PostgreSQL's own error. */
export async function runVerbatim(
  postgres: PgliteSession,
  text: string,
  paramTypes: readonly number[],
  params: RawParameters,
  resultFormats: readonly number[],
  settings: SessionSettings,
): Promise<VerbatimResult> {
  const request = Buffer.concat([
    parseMessage(text, paramTypes),
    bindValuesMessage({ formats: params.formats, values: params.values, resultFormats }),
    describePortalMessage(),
    executeMessage(),
    syncMessage(),
  ]);
  const response = await postgres.protocol(request, settings);
  let fields: readonly FieldDescription[] = [];
  const rows: Uint8Array[] = [];
  const notices: Report[] = [];
  let tag: string | undefined;
  let error: PgError | undefined;
  for (const message of backendMessages(response)) {
    switch (message.tag) {
      case 'T':
        fields = readRowDescription(message.body);
        break;
      case 'D':
        rows.push(message.body);
        break;
      case 'C':
        tag = message.body.toString('utf8', 0, message.body.length - 1);
        break;
      case 'N': {
        const report = readReport(message.body);
        if (report.severity !== 'LOG') notices.push(report);
        break;
      }
      case 'E':
        error ??= errorOf(readReport(message.body));
        break;
      default:
        break;
    }
  }
  if (error !== undefined) throw error;
  assert(tag !== undefined, 'PostgreSQL completes a statement that did not fail');
  return { fields, rows, tag, notices };
}
