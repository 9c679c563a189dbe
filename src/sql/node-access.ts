/** Small readers for libpg-query's tree, whose fields are absent when they are empty, zero or false. */
import type { Node, RangeVar } from 'libpg-query';
import type { OptionMap, QualifiedName } from './statement.ts';

/** The one key of a node and what is under it. */
export function nodeTag(node: Node): string {
  for (const tag in node) return tag;
  return '';
}

export function stringValue(node: Node | undefined): string | undefined {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : undefined;
}

export function stringValues(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).map((node) => stringValue(node) ?? '');
}

export function relationName(relation: RangeVar | undefined): QualifiedName {
  return {
    ...(relation?.catalogname === undefined ? {} : { catalog: relation.catalogname }),
    schema: relation?.schemaname,
    name: relation?.relname ?? '',
  };
}

export function relationNames(nodes: readonly Node[] | undefined): readonly QualifiedName[] {
  return (nodes ?? []).map((node) => relationName('RangeVar' in node ? node.RangeVar : undefined));
}

/** A dotted name as a list of strings. */
export function dottedName(names: readonly string[]): QualifiedName {
  const [last, schema, catalog] = names.toReversed();
  return { ...(catalog === undefined ? {} : { catalog }), schema, name: last ?? '' };
}

/** The value of an option as text, as defGetString() gives it; undefined when it has none. */
export function optionValue(arg: Node | undefined): string | undefined {
  if (arg === undefined) return undefined;
  if ('String' in arg) return arg.String.sval ?? '';
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  if ('Float' in arg) return arg.Float.fval ?? '0';
  if ('Boolean' in arg) return arg.Boolean.boolval === true ? 'true' : 'false';
  if ('TypeName' in arg) return stringValues(arg.TypeName.names).join('.');
  if ('A_Star' in arg) return '*';
  if ('A_Const' in arg) return constantValue(arg);
  if ('List' in arg) return stringValues(arg.List.items).join(', ');
  return undefined;
}

/** An A_Const as text. */
export function constantValue(node: Node): string | undefined {
  if (!('A_Const' in node)) return undefined;
  const constant = node.A_Const;
  if (constant.sval !== undefined) return constant.sval.sval ?? '';
  if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
  if (constant.fval !== undefined) return constant.fval.fval ?? '0';
  if (constant.boolval !== undefined) return constant.boolval.boolval === true ? 'true' : 'false';
  if (constant.bsval !== undefined) return constant.bsval.bsval ?? '';
  return undefined;
}

export function optionMap(nodes: readonly Node[] | undefined): OptionMap {
  const options = new Map<string, string | undefined>();
  for (const node of nodes ?? []) {
    if ('DefElem' in node) options.set(node.DefElem.defname ?? '', optionValue(node.DefElem.arg));
  }
  return options;
}
