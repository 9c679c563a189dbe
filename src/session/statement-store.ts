/** A bounded map whose oldest entries go; one for each set of settings that analysis depends on. */
export interface StatementStore<T> {
  get(fingerprint: string, key: string): T | undefined;
  set(fingerprint: string, key: string, value: T): void;
  delete(fingerprint: string, key: string): void;
}

/** Sets of settings for which entries are kept; when there are more, all are forgotten. */
const fingerprintsMax = 64;

/** `entriesMax`: for one set of settings. */
export function statementStore<T>(entriesMax: number): StatementStore<T> {
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
    delete: (fingerprint, key) => void stores.get(fingerprint)?.delete(key),
  };
}
