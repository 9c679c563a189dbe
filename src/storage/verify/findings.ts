import type { Finding, FindingKind } from '../types.ts';

/** Findings of one kind about one subject that are kept; the rest is counted. */
const keptMax = 20;
const allMax = 2000;

export interface Findings {
  add(kind: FindingKind, subject: string, message: string): void;
  list(): readonly Finding[];
  /** All but leftovers, those that are not kept included. */
  problems(): number;
}

export function createFindings(): Findings {
  const counts = new Map<string, number>();
  const kept: Finding[] = [];
  let problems = 0;
  return {
    add(kind, subject, message) {
      if (kind !== 'leftover') problems++;
      const group = `${kind} ${subject}`;
      const count = (counts.get(group) ?? 0) + 1;
      counts.set(group, count);
      if (count <= keptMax && kept.length < allMax) kept.push({ kind, subject, message });
    },
    list: () => [
      ...kept,
      ...[...counts]
        .filter(([, count]) => count > keptMax)
        .map(([group, count]): Finding => {
          const at = group.indexOf(' ');
          return {
            kind: group.slice(0, at) as FindingKind,
            subject: group.slice(at + 1),
            message: `and ${count - keptMax} more`,
          };
        }),
    ],
    problems: () => problems,
  };
}

/** What an error says, in one line. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
