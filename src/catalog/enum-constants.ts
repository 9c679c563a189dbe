/** Constants of enum types in PostgreSQL's trees: there they are OIDs of rows of pg_enum, here they are labels. */
import type { ArrayExpr, ConstExpr, Expr } from '../analyzer/tree.ts';
import type { EnumType } from '../types/enum-type.ts';

type EnumTypes = ReadonlyMap<number, EnumType>;

/** Before pg_enum's OIDs, 4 bytes each, in a one-dimensional array without NULLs: length, ndim, no offset, type, size, bound. */
const arrayHeaderBytes = 24;

/** The labels of `datum`'s OIDs from `at` on; undefined: one is of another type. */
function labelsFrom(datum: Uint8Array, at: number, { labels }: EnumType): string[] | undefined {
  const view = new DataView(datum.buffer, datum.byteOffset, datum.byteLength);
  const found: string[] = [];
  for (let i = at; i + 4 <= datum.byteLength; i += 4) {
    const oid = view.getUint32(i, true);
    const label = labels.find((one) => one.oid === oid)?.label;
    if (label === undefined) return undefined;
    found.push(label);
  }
  return found;
}

/** A list as ARRAY[…] has it; others (of more dimensions, with NULLs, empty) stay what they are. */
function listOfLabels(expr: ConstExpr, datum: Uint8Array, element: EnumType): Expr {
  const view = new DataView(datum.buffer, datum.byteOffset, datum.byteLength);
  if (datum.byteLength <= arrayHeaderBytes || (datum[0]! & 3) !== 0) return expr;
  const [dimensions, offset, bound] = [4, 8, 20].map((at) => view.getInt32(at, true));
  if (dimensions !== 1 || offset !== 0 || bound !== 1) return expr;
  const labels = labelsFrom(datum, arrayHeaderBytes, element);
  if (labels === undefined) return expr;
  const elements = labels.map((label): Expr => {
    return Object.freeze({ ...expr, typeOid: element.oid, value: label, datum: undefined });
  });
  return Object.freeze({
    kind: 'array',
    typeOid: expr.typeOid,
    elementOid: element.oid,
    elements,
    multidims: false,
  } satisfies ArrayExpr);
}

function withLabels(expr: ConstExpr, enums: EnumTypes): Expr {
  const { datum, typeOid } = expr;
  if (datum === undefined || expr.value !== undefined) return expr;
  const type = enums.get(typeOid);
  if (type !== undefined) {
    const [label] = labelsFrom(datum.subarray(0, 4), 0, type) ?? [];
    return label === undefined ? expr : Object.freeze({ ...expr, value: label, datum: undefined });
  }
  for (const element of enums.values()) {
    if (element.arrayOid === typeOid) return listOfLabels(expr, datum, element);
  }
  return expr;
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
    return copy === undefined ? value : Object.freeze(copy);
  };
  return visit(root) as T;
}
