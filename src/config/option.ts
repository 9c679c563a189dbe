/** Kinds of options: each knows how to read its text and says what it allows. */

/** One line for whoever started the server: the flag (or variable), its value, and what is allowed. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

export interface Option<T> {
  /** What it is for, without default and bounds. */
  readonly description: string;
  /** What the help calls the value: `port`, `ms`. */
  readonly placeholder: string;
  readonly default: T;
  /** What is allowed, as part of a sentence: `an integer from 1 to 65535`. */
  readonly allowed: string;
  /** Undefined when `text` is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

interface IntegerBounds {
  readonly min: number;
  readonly max: number;
}

export function integer(
  description: string,
  placeholder: string,
  fallback: number,
  { min, max }: IntegerBounds,
): Option<number> {
  return {
    description,
    placeholder,
    default: fallback,
    allowed: `an integer from ${min} to ${max}`,
    parse(text) {
      if (!/^[+-]?\d{1,15}$/.test(text.trim())) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function choice<const T extends string>(
  description: string,
  placeholder: string,
  fallback: NoInfer<T>,
  choices: readonly T[],
): Option<T> {
  return {
    description,
    placeholder,
    default: fallback,
    allowed: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((word) => word === text.trim().toLowerCase()),
  };
}

/** `isAllowed` judges the text, which is taken as it is. */
export function text(
  description: string,
  placeholder: string,
  fallback: string,
  allowed: string,
  isAllowed: (text: string) => boolean,
): Option<string> {
  return {
    description,
    placeholder,
    default: fallback,
    allowed,
    parse: (value) => (isAllowed(value) ? value : undefined),
  };
}
