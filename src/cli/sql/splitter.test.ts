import { expect, test } from 'vitest';
import { createSplitter } from './splitter.ts';

/** The script's statements as `line: text`. */
function split(script: string): readonly string[] {
  const splitter = createSplitter();
  const found = script.split('\n').flatMap((line) => splitter.push(line));
  const rest = splitter.rest();
  return [...found, ...(rest === undefined ? [] : [rest])].map(
    ({ line, text }) => `${line}: ${text}`,
  );
}

test.each([
  ['select 1', ['1: select 1']],
  ['select 1; select 2;', ['1: select 1;', '1: select 2;']],
  ['', []],
  [' \n -- nothing\n /* at\n all */ \n', []],
  ['-- a\n\n/* b */ select\n  1;\n', ['3: select\n  1;']],
  [`select ';', ";", 'it''s;';x`, [`1: select ';', ";", 'it''s;';`, '1: x']],
  [`select E'\\';', 1;x`, [`1: select E'\\';', 1;`, '1: x']],
  [`select 'a\\';x`, [`1: select 'a\\';`, '1: x']],
  // The name ends in an E, but is no escape string.
  [`select type'\\';x`, [`1: select type'\\';`, '1: x']],
  [`select 'a\nb;\nc';\nx;`, [`1: select 'a\nb;\nc';`, '4: x;']],
  ['select $$;$$, $a$;$$;$a$;x', ['1: select $$;$$, $a$;$$;$a$;', '1: x']],
  ['select $1; select a$b$c;', ['1: select $1;', '1: select a$b$c;']],
  ['select 1 -- ;\n;', ['1: select 1 -- ;\n;']],
  ['select /* ; /* ; */ ; */ 1;x', ['1: select /* ; /* ; */ ; */ 1;', '1: x']],
  [
    'create rule r as on insert to t do (select 1; select 2);x',
    ['1: create rule r as on insert to t do (select 1; select 2);', '1: x'],
  ],
  [';', ['1: ;']],
  ['select 1;\r\n', ['1: select 1;']],
  ['select 🙂;\nselect ä$x$;', ['1: select 🙂;', '2: select ä$x$;']],
])('%j', (script, statements) => {
  expect(split(script)).toEqual(statements);
});

test('tells what is open', () => {
  const splitter = createSplitter();
  const opens = (line: string): string => {
    splitter.push(line);
    return splitter.pending ? splitter.open : '';
  };
  expect(opens('')).toBe('');
  expect(opens('select')).toBe('-');
  expect(opens('(')).toBe('(');
  expect(opens(`'`)).toBe(`'`);
  expect(opens(`' "`)).toBe('"');
  expect(opens('" $x$')).toBe('$');
  expect(opens('$x$ /*')).toBe('*');
  expect(opens('*/ );')).toBe('');
});
