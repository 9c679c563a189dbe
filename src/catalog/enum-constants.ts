/** Constants of enum types in PostgreSQL's trees: there they are OIDs of rows of pg_enum, here they are labels. */
import type { ArrayExpr, ConstExpr, Expr, SubLinkExpr } from '../analyzer/tree.ts';
import { enumOfList } from '../types/enum-type.ts';
import type { EnumType } from '../types/enum-type.ts';
import type { PgArray } from '../types/value.ts';

type EnumTypes = ReadonlyMap<number, EnumType>;

/** An array's own fields: length, dimensions, where the elements begin, element type (array.h). Sizes and bounds follow. */
const arrayFieldsBytes = 16;

/** MAXALIGN. */
const aligned = (bytes: number): number => (bytes + 7) & ~7;

const labelOf = ({ labels }: EnumType, oid: number): string | undefined =>
  labels.find((one) => one.oid === oid)?.label;

/** The labels of an array of pg_enum's OIDs; undefined: one is of another type, or the bytes are no plain array. */
function readLabels(datum: Uint8Array, element: EnumType): PgArray | undefined {
  if (datum.byteLength < arrayFieldsBytes || (datum[0]! & 3) !== 0) return undefined;
  const view = new DataView(datum.buffer, datum.byteOffset, datum.byteLength);
  const dimensions = view.getInt32(4, true);
  const offset = view.getInt32(8, true);
  const numbers = (from: number): number[] =>
    Array.from({ length: dimensions }, (_, i) => view.getInt32(from + i * 4, true));
  const dims = numbers(arrayFieldsBytes);
  const bitmap = arrayFieldsBytes + dimensions * 8;
  const count = dimensions === 0 ? 0 : dims.reduce((product, size) => product * size, 1);
  let at = offset === 0 ? aligned(bitmap) : offset;
  const elements: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    if (offset !== 0 && ((datum[bitmap + (i >> 3)]! >> (i & 7)) & 1) === 0) {
      elements.push(null);
      continue;
    }
    const label = labelOf(element, view.getUint32(at, true));
    if (label === undefined) return undefined;
    elements.push(label);
    at += 4;
  }
  return { kind: 'array', elements, dims, lowerBounds: numbers(arrayFieldsBytes + dimensions * 4) };
}

/** A plain list as ARRAY[…] has it, which more is made of; others (of more dimensions, with NULLs, empty) as a value. */
function listOfLabels(expr: ConstExpr, datum: Uint8Array, element: EnumType): Expr {
  const list = readLabels(datum, element);
  if (list === undefined) return expr;
  const { elements, dims, lowerBounds } = list;
  if (dims.length !== 1 || lowerBounds[0] !== 1 || elements.includes(null))
    return Object.freeze({ ...expr, value: list, datum: undefined });
  return Object.freeze({
    kind: 'array',
    typeOid: expr.typeOid,
    elementOid: element.oid,
    elements: elements.map((label): Expr =>
      Object.freeze({ ...expr, typeOid: element.oid, value: label, datum: undefined }),
    ),
    multidims: false,
  } satisfies ArrayExpr);
}

function withLabels(expr: ConstExpr, enums: EnumTypes): Expr {
  const { datum, typeOid } = expr;
  if (datum === undefined || expr.value !== undefined) return expr;
  const type = enums.get(typeOid);
  if (type !== undefined) {
    const oid = new DataView(datum.buffer, datum.byteOffset).getUint32(0, true);
    const label = labelOf(type, oid);
    return label === undefined ? expr : Object.freeze({ ...expr, value: label, datum: undefined });
  }
  const element = enumOfList(enums, typeOid);
  return element === undefined ? expr : listOfLabels(expr, datum, element);
}

/** ARRAY(SELECT …): the reader of trees does not know what arrays of a user's type are called. */
function withArrayType(expr: SubLinkExpr, enums: EnumTypes): Expr {
  if (expr.linkKind !== 'array' || expr.typeOid !== 0) return expr;
  const element = expr.query.targetList[0]?.expr.typeOid ?? 0;
  const type = enums.get(element) ?? enumOfList(enums, element);
  return type === undefined ? expr : Object.freeze({ ...expr, typeOid: type.arrayOid });
}

/** The tree with labels in its constants. What has none stays the same object. */
export function withEnumLabels<T>(root: T, enums: EnumTypes): T {
  if (enums.size === 0) return root;
  const visit = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array || value instanceof Map) return value;
    if (Array.isArray(value)) {
      const copy: unknown[] = value.map(visit);
      return copy.some((item, i) => item !== value[i]) ? copy : value;
    }
    const { kind } = value as { kind?: string };
    if (kind === 'const') return withLabels(value as ConstExpr, enums);
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      const is = visit(was);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    const rebuilt = copy === undefined ? value : Object.freeze(copy);
    return kind === 'subLink' ? withArrayType(rebuilt as SubLinkExpr, enums) : rebuilt;
  };
  return visit(root) as T;
}
