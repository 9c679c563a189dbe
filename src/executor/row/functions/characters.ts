/** Characters as PostgreSQL counts them: code points, surrogate pairs together. */
export function charactersOf(text: string): string[] {
  return Array.from(text);
}
