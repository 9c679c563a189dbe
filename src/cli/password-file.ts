/** ~/.pgpass, by the rules of libpq: https://www.postgresql.org/docs/18/libpq-pgpass.html */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What an entry is looked up by. */
export interface PasswordKey {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

export interface FoundPassword {
  readonly password: string;
  readonly path: string;
}

/** Bits of a file's mode for its group and for all others. */
const othersMode = 0o077;

/** A field up to its colon, or the rest of the line; `*` stands for everything, and `\` takes what follows it as it is. */
function fieldsOf(line: string): { readonly text: string; readonly any: boolean }[] {
  const fields: { text: string; any: boolean }[] = [];
  let text = '';
  let start = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === '\\' && at + 1 < line.length) text += line[++at];
    // The password is what is left.
    else if (char === ':' && fields.length < 4) {
      fields.push({ text, any: line.slice(start, at) === '*' });
      text = '';
      start = at + 1;
    } else text += char;
  }
  fields.push({ text, any: false });
  return fields;
}

/** The password of the first line that fits; undefined: none does. */
export function passwordIn(
  contents: string,
  { host, port, database, user }: PasswordKey,
): string | undefined {
  const wanted = [host === '' ? 'localhost' : host, String(port), database, user];
  for (const line of contents.split('\n')) {
    const fields = fieldsOf(line.replace(/\r$/, ''));
    if (line.startsWith('#') || fields.length !== 5) continue;
    const fits = wanted.every((value, i) => fields[i]!.any || fields[i]!.text === value);
    if (fits) return fields[4]!.text;
  }
  return undefined;
}

/** Reads $PGPASSFILE or ~/.pgpass. One that others could read is not used, which `warn` is told. */
export function passwordFromFile(
  key: PasswordKey,
  variables: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): FoundPassword | undefined {
  const given = variables['PGPASSFILE'] ?? '';
  const path = given === '' ? join(variables['HOME'] ?? homedir(), '.pgpass') : given;
  let contents: string;
  try {
    const stats = statSync(path);
    if (!stats.isFile()) {
      warn(`password file "${path}" is not a plain file`);
      return undefined;
    }
    if (process.platform !== 'win32' && (stats.mode & othersMode) !== 0) {
      warn(
        `password file "${path}" has group or world access; permissions should be u=rw (0600) or less`,
      );
      return undefined;
    }
    contents = readFileSync(path, 'utf8');
  } catch {
    // As libpq: no file, or none that can be read.
    return undefined;
  }
  const password = passwordIn(contents, key);
  return password === undefined || password === '' ? undefined : { password, path };
}
