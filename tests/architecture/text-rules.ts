export const sourceLinesMax = 800;

interface TextRule {
  readonly what: string;
  readonly pattern: RegExp;
  /** Paths from the repository's root that the rule is for. */
  readonly appliesTo: (path: string) => boolean;
}

const isCode = (path: string): boolean => /\.(?:[cm]?[jt]s)$/.test(path);
const everywhere = (): boolean => true;

// The forbidden words are put together here from pieces, so that this file does not break its own rules.
const rules: readonly TextRule[] = [
  {
    what: 'a test that runs alone',
    pattern: new RegExp(String.raw`\b(?:it|test|describe|suite)(?:\.\w+)*\.on` + String.raw`ly\b`),
    appliesTo: isCode,
  },
  {
    what: 'a test that is left out',
    pattern: new RegExp(
      String.raw`\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:sk` +
        String.raw`ip|to` +
        String.raw`do)\b`,
    ),
    appliesTo: isCode,
  },
  {
    what: 'work left undone',
    pattern: new RegExp(
      String.raw`\b(?:TO` + String.raw`DO|FIX` + String.raw`ME|XX` + String.raw`X)\b`,
    ),
    appliesTo: isCode,
  },
  {
    what: "one machine's path",
    pattern: new RegExp(
      String.raw`(?<![\w.$)}-])\/(?:wo` +
        String.raw`rk|tmp\/pro` +
        String.raw`be|ro` +
        String.raw`ot|home\/\w+)\/`,
    ),
    appliesTo: everywhere,
  },
];

/** Every rule that the text at `path` (from the repository's root) breaks, as `path:line: what`. */
export function textViolations(path: string, text: string): readonly string[] {
  const applicable = rules.filter(({ appliesTo }) => appliesTo(path));
  const lines = text.split('\n');
  const violations = lines.flatMap((line, index) =>
    applicable
      .filter(({ pattern }) => pattern.test(line))
      .map(({ what }) => `${path}:${index + 1}: ${what}`),
  );
  if (path.startsWith('src/') && isCode(path) && lines.length > sourceLinesMax + 1) {
    violations.push(`${path}: more than ${sourceLinesMax} lines`);
  }
  return violations;
}
