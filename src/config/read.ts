import type { Option } from './option.ts';
import { ConfigError } from './option.ts';
import type { Config, OptionName } from './table.ts';
import { flagOf, optionNames, optionTable, variableOf } from './table.ts';

/** Texts given on the command line, by option name (commander's `opts()`). */
export type Flags = Readonly<Partial<Record<OptionName, string>>>;

type Variables = Readonly<Record<string, string | undefined>>;

function read(name: OptionName, flags: Flags, variables: Variables): number | string {
  const option: Option<number> | Option<string> = optionTable[name];
  const variable = variableOf(name);
  const flag = flags[name];
  const given = flag ?? variables[variable];
  // An empty variable is an unset one, as shells and container files make them.
  if (given === undefined || (flag === undefined && given === '')) return option.default;
  const value = option.parse(given);
  if (value !== undefined) return value;
  const source = flag === undefined ? `${variable}=` : `${flagOf(name)} `;
  throw new ConfigError(`${source}${given}: must be ${option.allowed}`);
}

/** Flags win over variables, variables over defaults. Throws ConfigError, one line, for the first wrong one. */
export function readConfig(flags: Flags, variables: Variables): Config {
  const entries = optionNames.map((name) => [name, read(name, flags, variables)] as const);
  // Each value comes from its own option's parse, which the table's type ties to the name.
  return Object.fromEntries(entries) as unknown as Config;
}
