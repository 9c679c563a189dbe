import type { FieldDescription } from '../analyzer/tree.ts';
import type { MessageWriter } from '../protocol/index.ts';
import { formatOf } from './encode-rows.ts';
import type { SessionState, StatementResult } from './state.ts';

/** RowDescription's fields in the formats that Bind asked for. */
export function describeFields(
  fields: readonly FieldDescription[],
  formats: readonly number[],
): Parameters<MessageWriter['rowDescription']>[0] {
  return fields.map((field, i) => ({
    name: field.name,
    tableOid: field.tableOid,
    columnNumber: field.columnNumber,
    typeOid: field.typeOid,
    typeSize: field.typeSize,
    typeModifier: field.typmod,
    format: formatOf(formats, i),
  }));
}

/** COPY TO STDOUT: everything between CopyOutResponse and CopyDone. Returns the command tag. */
export async function sendCopy(
  session: SessionState,
  result: Extract<StatementResult, { kind: 'copyOut' }>,
): Promise<string> {
  const { copy } = result;
  const { output } = session;
  output.writer.copyOutResponse(copy.format, copy.columnCount);
  for await (const chunk of copy.chunks) {
    output.writer.copyData(chunk);
    await output.flush();
    session.signal.throwIfAborted();
  }
  output.writer.copyDone();
  return copy.tag();
}
