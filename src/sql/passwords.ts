import { scanTokens } from './tokens.ts';

const redacted = '<redacted>';

/**
 * A statement's text without its passwords, for those who may read what was run but no secrets. Whatever follows the word PASSWORD goes, up
 * to the next keyword; all of it when the text can not be taken apart.
 */
export function withoutPasswords(text: string): string {
  if (!/password/i.test(text)) return text;
  const tokens = scanTokens(text);
  if (tokens === undefined) return redacted;
  let result = '';
  let kept = 0;
  for (const [i, token] of tokens.entries()) {
    // Quoted, it is a name.
    if (token.word !== 'password' || token.start < kept) continue;
    const secret = tokens[i + 1];
    if (secret?.kind !== 'string') continue;
    // Literals on several lines are one: 'a' \n 'b'.
    let last = i + 1;
    while (tokens[last + 1]?.kind === 'string') last++;
    result += `${text.slice(kept, secret.start)}${redacted}`;
    kept = tokens[last]!.end;
    // UESCAPE '!' tells nothing of it.
  }
  return result + text.slice(kept);
}
