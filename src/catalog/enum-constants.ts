/** Constants of enum types in PostgreSQL's trees: there they are OIDs of rows of pg_enum, here they are labels. */
import type { ConstExpr, Expr } from '../analyzer/tree.ts';
import type { EnumType } from '../types/enum-type.ts';

type EnumTypes = ReadonlyMap<number, EnumType>;

function withLabel(expr: ConstExpr, enums: EnumTypes): ConstExpr {
  if (expr.datum === undefined || expr.value !== undefined) return expr;
  const found = enums.get(expr.typeOid);
  if (found === undefined) return expr;
  const { buffer, byteOffset } = expr.datum;
  const oid = new DataView(buffer, byteOffset).getUint32(0, true);
  const label = found.labels.find((one) => one.oid === oid)?.label;
  return label === undefined ? expr : Object.freeze({ ...expr, value: label, datum: undefined });
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
    if (kind === 'const') return withLabel(value as ConstExpr, enums);
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      const is = visit(was);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    return copy === undefined ? value : Object.freeze(copy);
  };
  return visit(root) as T;
}

/** Reads node trees of the catalog (defaults, checks) with labels in their constants. */
export function labelled(
  readExpr: (nodeTree: string) => Expr,
  enums: EnumTypes,
): (nodeTree: string) => Expr {
  return (nodeTree) => withEnumLabels(readExpr(nodeTree), enums);
}
