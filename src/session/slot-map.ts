/**
 * A map that mostly holds one entry, which is replaced for each statement. A Map makes itself a new table every few such
 * replacements, and each old table leads to the next: once one of them is in the old generation, V8's scavenger keeps all
 * that come after it, with what is in them, until the next full collection.
 */
export interface SlotMap<K, V> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): void;
  clear(): void;
  values(): readonly V[];
}

export function createSlotMap<K, V>(): SlotMap<K, V> {
  let slot: { readonly key: K; readonly value: V } | undefined;
  const others = new Map<K, V>();
  return {
    get size() {
      return others.size + (slot === undefined ? 0 : 1);
    },
    get: (key) => (slot !== undefined && slot.key === key ? slot.value : others.get(key)),
    has: (key) => (slot !== undefined && slot.key === key) || others.has(key),
    set: (key, value) => {
      if (slot === undefined ? !others.has(key) : slot.key === key) slot = { key, value };
      else others.set(key, value);
    },
    delete: (key) => {
      if (slot !== undefined && slot.key === key) slot = undefined;
      else if (others.size > 0) others.delete(key);
    },
    clear: () => {
      slot = undefined;
      if (others.size > 0) others.clear();
    },
    values: () => [...(slot === undefined ? [] : [slot.value]), ...others.values()],
  };
}
