import { notSupported } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
import type { MessageWriter } from '../protocol/index.ts';
import { Oid } from '../types/oid.ts';
import { enumLabelListType, enumOfList } from '../types/enum-type.ts';
import type { EnumType } from '../types/enum-type.ts';
import { pgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { TypeContext } from '../types/type.ts';
import type { Row, Value } from '../types/value.ts';

type EnumTypes = ReadonlyMap<number, EnumType>;

type WriteField = (writer: MessageWriter, value: Value) => void;

/** Writes rows as DataRow messages. Throws before the first byte of a row or not at all. */
export type RowEncoder = (writer: MessageWriter, rows: readonly Row[]) => void;

/** The format of column `i` by Bind's rule: none given is text, one is for all. */
export function formatOf(formats: readonly number[], i: number): 0 | 1 {
  const format = formats.length === 0 ? 0 : formats.length === 1 ? formats[0] : formats[i];
  return format === 1 ? 1 : 0;
}

function textField(typeOid: number, types: TypeContext): WriteField {
  switch (typeOid) {
    case Oid.bool:
      return (writer, value) => writer.fieldText(value === true ? 't' : 'f');
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.oid:
      return (writer, value) => writer.fieldText(`${value as number | bigint}`);
    case Oid.text:
    case Oid.varchar:
    case Oid.bpchar:
    case Oid.name:
    case Oid.json:
    case Oid.jsonb:
    case Oid.numeric:
    case Oid.uuid:
    case Oid.unknown:
      return (writer, value) => writer.fieldText(value as string);
    case Oid.void:
      return (writer) => writer.fieldText('');
    default: {
      const type = pgType(typeOid);
      // Types that only PostgreSQL knows arrive as its own text of them, arrays of enums as such too.
      if (type === undefined)
        return (writer, value) =>
          writer.fieldText(
            typeof value === 'string' ? value : enumLabelListType.format(value, types),
          );
      return (writer, value) => writer.fieldText(type.format(value, types));
    }
  }
}

function binaryField(typeOid: number, enums: EnumTypes): WriteField {
  switch (typeOid) {
    case Oid.bool:
      return (writer, value) => writer.fieldBool(value as boolean);
    case Oid.int2:
      return (writer, value) => writer.fieldInt16(value as number);
    case Oid.int4:
      return (writer, value) => writer.fieldInt32(value as number);
    case Oid.int8:
    case Oid.timestamp:
    case Oid.timestamptz:
      return (writer, value) => writer.fieldInt64(value as bigint);
    case Oid.float8:
      return (writer, value) => writer.fieldFloat64(value as number);
    case Oid.float4:
      return (writer, value) => writer.fieldFloat32(value as number);
    case Oid.text:
    case Oid.varchar:
    case Oid.bpchar:
    case Oid.name:
    case Oid.json:
    case Oid.unknown:
      return (writer, value) => writer.fieldText(value as string);
    case Oid.void:
      return (writer) => writer.fieldText('');
    default: {
      const list = enumOfList(enums, typeOid)?.listType;
      if (list !== undefined) {
        return (writer, value) =>
          writer.fieldBytes(
            list.encode(
              typeof value === 'string' ? list.parse(value, -1, defaultTypeContext) : value,
            ),
          );
      }
      const type = pgType(typeOid) ?? enums.get(typeOid)?.type;
      if (type === undefined) throw notSupported(`binary output of type with OID ${typeOid}`);
      return (writer, value) => writer.fieldBytes(type.encode(value));
    }
  }
}

export function rowEncoder(
  fields: readonly FieldDescription[],
  formats: readonly number[],
  types: TypeContext,
  enums: EnumTypes,
): RowEncoder {
  const write = fields.map((field, i) =>
    formatOf(formats, i) === 1
      ? binaryField(field.typeOid, enums)
      : textField(field.typeOid, types),
  );
  const count = write.length;
  return (writer, rows) => {
    for (const row of rows) {
      writer.beginDataRow(count);
      for (let i = 0; i < count; i++) {
        const value = row[i];
        if (value === null || value === undefined) writer.fieldNull();
        else write[i]!(writer, value);
      }
      writer.endDataRow();
    }
  };
}
