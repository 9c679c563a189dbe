import { PgError, SqlState } from '../base/index.ts';
import { Oid } from '../types/oid.ts';
import { pgType } from '../types/registry.ts';
import type { PgType, TypeContext } from '../types/type.ts';
import type { Value } from '../types/value.ts';
import { formatOf } from './encode-rows.ts';
import { decodeText } from '../protocol/index.ts';

/** A parameter as the client sent it, for statements that PostgreSQL itself runs. */
export interface RawParameters {
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
}

/**
 * Bind's parameters as values of the statement's types. Types that only PostgreSQL knows come back as undefined: a
 * statement that uses those runs there whole, from the raw bytes.
 * @throws 08P01 on a wrong count or format, 22P02 … on a value that its type does not take
 */
export function bindParameters(
  raw: RawParameters,
  typeOids: readonly number[],
  types: TypeContext,
  statementName: string,
  /** Of types that only the session's catalog has. */
  inputOf: (typeOid: number) => PgType | undefined = () => undefined,
): readonly (Value | undefined)[] {
  const { formats, values } = raw;
  if (formats.length > 1 && formats.length !== values.length) {
    throw new PgError(
      SqlState.protocolViolation,
      `bind message has ${formats.length} parameter formats but ${values.length} parameters`,
    );
  }
  if (values.length !== typeOids.length) {
    throw new PgError(
      SqlState.protocolViolation,
      `bind message supplies ${values.length} parameters, but prepared statement "${statementName}" requires ${typeOids.length}`,
    );
  }
  return values.map((bytes, i) => {
    const oid = typeOids[i]!;
    if (bytes === null) return null;
    const code = formats.length === 0 ? 0 : formats.length === 1 ? formats[0] : formats[i];
    if (code !== 0 && code !== 1) {
      throw new PgError(SqlState.invalidParameterValue, `unsupported format code: ${code}`);
    }
    const type = pgType(oid === Oid.unknown ? Oid.text : oid) ?? inputOf(oid);
    if (type === undefined) return undefined;
    if (formatOf(formats, i) === 1) return decodeBinary(type, bytes, i);
    return type.parse(decodeText(bytes), -1, types);
  });
}

function decodeBinary(type: PgType, bytes: Uint8Array, at: number): Value {
  try {
    return type.decode(bytes, -1);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    if (error.message === 'incorrect binary data format') {
      throw new PgError(error.code, `${error.message} in bind parameter ${at + 1}`);
    }
    // An array codec knows its own element type only; the sender's is named here.
    const named = error.message.replace(
      /(array element type (\d+)) instead/,
      (all, what: string, oid: string) => {
        const sent = pgType(Number(oid));
        return sent === undefined ? all : `${what} (${sent.sqlName}) instead`;
      },
    );
    throw new PgError(error.code, named);
  }
}
