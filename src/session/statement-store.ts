/** A bounded map whose oldest entries go; one for each set of settings that analysis depends on. */
export interface StatementStore<T> {
  get(fingerprint: string, key: string): T | undefined;
  set(fingerprint: string, key: string, value: T): void;
}

/** Entries by the length of their keys. Long ones (an INSERT of a thousand rows) take the more memory, and must not push out the others. */
export interface StoreLimits {
  /** For one set of settings. */
  readonly short: number;
  /** For all of them. */
  readonly long: number;
}

/** A longer key counts as long. Characters. */
const shortKeyMax = 4096;
/** An even longer one is not kept. */
const longKeyMax = 65_536;

/** Sets of settings for which entries are kept; when there are more, all are forgotten. */
const fingerprintsMax = 64;

export function statementStore<T>(max: StoreLimits): StatementStore<T> {
  const short = boundedStore<T>(max.short);
  const long = boundedStore<T>(max.long);
  const longKey = (fingerprint: string, key: string): string => `${fingerprint}\u0000${key}`;
  return {
    get: (fingerprint, key) =>
      key.length > shortKeyMax
        ? long.get('', longKey(fingerprint, key))
        : short.get(fingerprint, key),
    set: (fingerprint, key, value) => {
      if (key.length > longKeyMax) return;
      if (key.length > shortKeyMax) long.set('', longKey(fingerprint, key), value);
      else short.set(fingerprint, key, value);
    },
  };
}

function boundedStore<T>(entriesMax: number): StatementStore<T> {
  const stores = new Map<string, Map<string, T>>();
  return {
    get: (fingerprint, key) => stores.get(fingerprint)?.get(key),
    set: (fingerprint, key, value) => {
      let store = stores.get(fingerprint);
      if (store === undefined) {
        if (stores.size >= fingerprintsMax) stores.clear();
        store = new Map();
        stores.set(fingerprint, store);
      }
      if (store.size >= entriesMax && !store.has(key)) {
        // A Map iterates in order of insertion.
        for (const oldest of store.keys()) {
          store.delete(oldest);
          break;
        }
      }
      store.set(key, value);
    },
  };
}
