/** Typed access to the fields of a NodeRecord. A field that is missing is a bug: the server's version is pinned. */
import { assert } from '../base/index.ts';
import { isRecord, nameOf } from './node-text.ts';
import type { NodeRecord, NodeValue } from './node-text.ts';

function field(node: NodeRecord, name: string): NodeValue {
  const value = node.fields.get(name);
  assert(value !== undefined, `${node.tag} has no field ${name}`);
  return value;
}

export function numberField(node: NodeRecord, name: string): number {
  const value = field(node, name);
  assert(typeof value === 'string', `${node.tag}.${name} is no number`);
  return Number(value);
}

export function boolField(node: NodeRecord, name: string): boolean {
  return field(node, name) === 'true';
}

export function nameField(node: NodeRecord, name: string): string | undefined {
  const value = field(node, name);
  return typeof value === 'string' ? nameOf(value) : undefined;
}

/** A node, a list or nothing. */
export function nodeField(node: NodeRecord, name: string): NodeRecord | undefined {
  const value = field(node, name);
  if (value === null) return undefined;
  assert(isRecord(value), `${node.tag}.${name} is no node`);
  return value;
}

const nothing: readonly never[] = [];

export function listField(node: NodeRecord, name: string): readonly NodeValue[] {
  const value = field(node, name);
  if (value === null) return nothing;
  assert(Array.isArray(value), `${node.tag}.${name} is no list`);
  return value as readonly NodeValue[];
}

/** A list whose elements are all nodes. */
export function nodesField(node: NodeRecord, name: string): readonly NodeRecord[] {
  const list = listField(node, name);
  for (const element of list)
    assert(isRecord(element), `${node.tag}.${name} holds more than nodes`);
  return list as readonly NodeRecord[];
}

/** An integer list, OID list or bitmap set. */
export function numbersField(node: NodeRecord, name: string): readonly number[] {
  const value = field(node, name);
  if (value === null) return nothing;
  assert(
    typeof value === 'object' && 'numbers' in value,
    `${node.tag}.${name} is no list of numbers`,
  );
  return value.numbers;
}

/** A list of String nodes. */
export function namesField(node: NodeRecord, name: string): readonly string[] {
  return listField(node, name).map((element) => {
    assert(typeof element === 'string', `${node.tag}.${name} holds more than strings`);
    return nameOf(element);
  });
}

/** The name of an enum's member by its number. */
export function enumField<T extends string>(
  node: NodeRecord,
  name: string,
  members: readonly T[],
): T {
  const member = members[numberField(node, name)];
  assert(member !== undefined, `${node.tag}.${name} has an unknown value`);
  return member;
}
