import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import type { CopyStatement, Statement } from '../sql/index.ts';
import { enumOrList } from '../types/enum-type.ts';
import { requirePgType } from '../types/registry.ts';
import type { Row } from '../types/value.ts';
import type { CopyColumn } from './copy/index.ts';
import { createCopyEncoder } from './copy/index.ts';
import { copyOptions } from './copy-options.ts';
import { qualified, tableOf } from './names.ts';
import { prepareStatement } from './prepare.ts';
import { runQuery } from './run-query.ts';
import type { SessionState, StatementResult } from './state.ts';

/** Bytes of rows gathered into one CopyData message. */
const chunkBytes = 32 * 1024;

/** COPY … TO STDOUT: a query's rows as text, csv or binary. */
export async function copyTo(
  session: SessionState,
  statement: CopyStatement,
): Promise<StatementResult> {
  if (statement.filename !== undefined || statement.program) {
    throw notSupported('COPY to a file of the server', {
      hint: "Use COPY TO STDOUT or psql's \\copy.",
    });
  }
  const options = copyOptions(statement, 'to');
  const prepared = await prepareStatement(session, '', await sourceQuery(session, statement), []);
  const { fields } = prepared;
  if (fields === undefined) {
    throw new PgError(SqlState.featureNotSupported, 'COPY query must have a RETURNING clause');
  }
  const result = await runQuery(session, prepared, {
    raw: { formats: [], values: [] },
    params: [],
    resultFormats: options.format === 'binary' ? [1] : [0],
  });
  if (result.kind !== 'rows' && result.kind !== 'rowsNow') {
    throw notSupported('COPY of a query over PostgreSQL’s catalog');
  }
  const batches = result.kind === 'rows' ? result.batches : [result.rows];
  const encoder = createCopyEncoder(
    options,
    fields.map((field) => copyColumn(session, field)),
    session.settings.types,
  );
  let count = 0;

  async function* chunks(): AsyncIterable<Uint8Array> {
    const start = encoder.start();
    if (start.length > 0) yield start;
    let gathered: Buffer[] = [];
    let bytes = 0;
    for await (const rows of batches as AsyncIterable<readonly Row[]>) {
      for (const row of rows) {
        const encoded = encoder.row(row);
        gathered.push(encoded);
        bytes += encoded.length;
        count++;
        if (bytes < chunkBytes) continue;
        yield Buffer.concat(gathered, bytes);
        gathered = [];
        bytes = 0;
      }
    }
    if (bytes > 0) yield Buffer.concat(gathered, bytes);
    const end = encoder.end();
    if (end.length > 0) yield end;
  }

  return {
    kind: 'copyOut',
    copy: {
      format: options.format === 'binary' ? 1 : 0,
      columnCount: fields.length,
      chunks: chunks(),
      tag: () => `COPY ${count}`,
    },
  };
}

function copyColumn(
  session: SessionState,
  { name, typeOid, typmod }: FieldDescription,
): CopyColumn {
  const own = enumOrList(session.transaction.catalog.enums, typeOid);
  return { name, type: own ?? requirePgType(typeOid), typmod };
}

async function sourceQuery(session: SessionState, statement: CopyStatement): Promise<Statement> {
  if (statement.inner !== undefined) return statement.inner;
  const { table } = statement;
  if (table === undefined) throw new PgError(SqlState.syntaxError, 'COPY needs a table or a query');
  const { columns, stored } = await tableOf(session, table);
  const names =
    statement.columns ?? columns.filter((c) => c.generated === undefined).map((c) => c.name);
  for (const name of names) {
    if (columns.some((column) => column.name === name)) continue;
    throw new PgError(
      SqlState.undefinedColumn,
      `column "${name}" of relation "${stored.name}" does not exist`,
    );
  }
  const [query] = parseStatements(
    `select ${names.map(quoteIdentifier).join(', ')} from ${qualified(table)}`,
  );
  return query!;
}
