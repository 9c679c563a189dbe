import { assert } from '../base/index.ts';
import type { MirrorRelation } from './read-mirror.ts';
import type { CatalogSequence } from './types.ts';

/** A sequence relation of the mirror as the catalog has it. */
export function sequenceOf(relation: MirrorRelation, sequenceId: number): CatalogSequence {
  const sequence = relation.sequence;
  assert(sequence !== null, 'a sequence relation has its pg_sequence row');
  return Object.freeze({
    relid: relation.relid,
    sequenceId,
    namespace: relation.namespace,
    name: relation.name,
    typeOid: sequence.type,
    start: BigInt(sequence.start),
    increment: BigInt(sequence.increment),
    min: BigInt(sequence.min),
    max: BigInt(sequence.max),
    cycle: sequence.cycle,
  });
}

/** Whether nextval would go on alike. */
export function sameSequence(left: CatalogSequence, right: CatalogSequence): boolean {
  return (
    left.start === right.start &&
    left.increment === right.increment &&
    left.min === right.min &&
    left.max === right.max &&
    left.cycle === right.cycle
  );
}
