/** Writing identifiers. */

const plainName = /^[a-z_][a-z0-9_$]*$/;

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** For lists of identifiers in settings, where keywords need no quotes. */
export function quoteNameIfNeeded(name: string): string {
  return plainName.test(name) ? name : quoteName(name);
}
