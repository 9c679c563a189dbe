import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSlotMap } from './slot-map.ts';

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

test('does what a Map does', () => {
  const key = fc.constantFrom('', 'a', 'b', 'c');
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key, value: fc.integer() }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constant('clear' as const) }),
  );
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const map = new Map<string, number>();
      const slots = createSlotMap<string, number>();
      for (const each of operations) {
        if (each.kind === 'set') {
          map.set(each.key, each.value);
          slots.set(each.key, each.value);
        } else if (each.kind === 'delete') {
          map.delete(each.key);
          slots.delete(each.key);
        } else {
          map.clear();
          slots.clear();
        }
        expect(slots.size).toBe(map.size);
        expect(sorted(slots.values())).toEqual(sorted([...map.values()]));
        for (const name of ['', 'a', 'b', 'c']) {
          expect(slots.get(name)).toBe(map.get(name));
          expect(slots.has(name)).toBe(map.has(name));
        }
      }
    }),
  );
});
