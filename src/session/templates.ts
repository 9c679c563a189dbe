import { dependsOnClock, saysClock } from '../analyzer/statement-cache.ts';
import { PgError } from '../base/index.ts';
import { liftLiterals, parseCached, stringValue, withParameters } from '../sql/index.ts';
import type { LiftedText, LiteralType } from '../sql/index.ts';
import { Oid } from '../types/oid.ts';
import { pgType } from '../types/registry.ts';
import type { Value } from '../types/value.ts';
import type { Engine } from './engine.ts';
import { isQuery, prepareStatement } from './prepare.ts';
import { meansTheSame } from './same-analysis.ts';
import type { LiftedConstant } from './same-analysis.ts';
import { statementStore } from './statement-store.ts';
import type { StatementStore } from './statement-store.ts';
import type { Prepared, SessionState } from './state.ts';

/**
 * Statement templates: simple queries that differ in their literals alone (`… WHERE id = 1`, `… WHERE id = 2`) are parsed and
 * analyzed once, with parameters in place of numbers and strings, and from then on run as the prepared statement would. A template is
 * made when its key is seen a second time, and only when PostgreSQL's analysis of both texts is the same (same-analysis.ts). Where strings
 * have to stay (the 'day' of date_trunc in SELECT and GROUP BY), there is one for the numbers alone.
 */

const templatesMax = { short: 1024, long: 32 };
const seenKeysMax = { short: 4096, long: 64 };

interface Template {
  readonly catalogVersion: number;
  /** Undefined: not all literals of such statements can be parameters. */
  readonly prepared: Prepared | undefined;
  /** Characters after the statement: a semicolon and what follows. */
  readonly tailLength: number;
}

interface Templates {
  readonly known: StatementStore<Template>;
  readonly seen: StatementStore<true>;
}

const templatesOf = new WeakMap<Engine, Templates>();

function templates({ engine }: SessionState): Templates {
  let own = templatesOf.get(engine);
  if (own === undefined) {
    own = { known: statementStore(templatesMax), seen: statementStore(seenKeysMax) };
    templatesOf.set(engine, own);
  }
  return own;
}

/** A statement found by its template, ready to run. */
export interface FoundStatement {
  readonly prepared: Prepared;
  readonly params: readonly Value[];
}

/** A text whose template is not known (yet). */
export interface UnknownText {
  readonly lifted: LiftedText;
  /** The same but for its numbers has been run before. */
  readonly seenBefore: boolean;
}

/** Undefined: a text that no template is for. */
export function findTemplate(
  session: SessionState,
  text: string,
): FoundStatement | UnknownText | undefined {
  const { transaction, settings } = session;
  // What the transaction's own DDL has changed is not for others.
  if (transaction.ddl !== undefined) return undefined;
  const { known, seen } = templates(session);
  const { fingerprint } = settings;
  for (const strings of [true, false]) {
    const lifted = liftLiterals(text, { strings });
    if (lifted === undefined) return undefined;
    const template = known.get(fingerprint, lifted.key);
    if (template?.catalogVersion !== transaction.catalog.version) {
      const seenBefore = template !== undefined || seen.get(fingerprint, lifted.key) === true;
      if (!seenBefore) seen.set(fingerprint, lifted.key, true);
      return { lifted, seenBefore };
    }
    const { prepared } = template;
    if (prepared !== undefined) {
      const params = valuesOf(session, text, lifted, prepared.paramTypes);
      return params && { prepared: instance(prepared, text, template), params };
    }
    if (lifted.literals.every(({ type }) => type !== 'string')) return undefined;
  }
  return undefined;
}

/** The template's statement with a plan of its own, to be made anew from the text with its numbers when it is valid no more. */
function instance(prepared: Prepared, text: string, { tailLength }: Template): Prepared {
  const { statement, declaredTypes, paramTypes, fields, plan } = prepared;
  return {
    name: '',
    text: prepared.text,
    literalText: text.slice(0, text.length - tailLength),
    statement,
    declaredTypes,
    paramTypes,
    fields,
    plan,
  };
}

const typeOids: Readonly<Record<LiteralType, number>> = {
  int4: Oid.int4,
  int8: Oid.int8,
  numeric: Oid.numeric,
  // As the grammar makes it; analysis gives it the type that its place asks for.
  string: Oid.unknown,
};

/** Types whose input function needs nothing but text and settings. */
const stringTypes: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.bpchar,
  Oid.date,
  Oid.float4,
  Oid.float8,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.interval,
  Oid.json,
  Oid.jsonb,
  Oid.numeric,
  Oid.text,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.timetz,
  Oid.uuid,
  Oid.varchar,
]);

/** Those that read the current time out of some words. */
const clockTypes: ReadonlySet<number> = new Set([
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.timetz,
]);

/** Undefined: PostgreSQL has to read one of them, which may be an error with its place in the text. */
function valuesOf(
  session: SessionState,
  text: string,
  { literals }: LiftedText,
  types: readonly number[],
): Value[] | undefined {
  const values: Value[] = [];
  for (const [i, literal] of literals.entries()) {
    const written = text.slice(literal.start, literal.end);
    switch (literal.type) {
      case 'int4':
        // Not -0, which is no value of the type.
        values.push(Number(written) || 0);
        break;
      case 'int8':
        values.push(BigInt(written));
        break;
      case 'numeric':
        values.push(withoutPadding(written));
        break;
      case 'string': {
        const value = readString(session, stringValue(text, literal), types[i]!);
        if (value === undefined) return undefined;
        values.push(value);
      }
    }
  }
  return values;
}

function readString(session: SessionState, written: string, typeOid: number): Value | undefined {
  const type = stringTypes.has(typeOid) ? pgType(typeOid) : undefined;
  if (type === undefined || (clockTypes.has(typeOid) && saysClock(written))) return undefined;
  try {
    return type.parse(written, -1, session.settings.types);
  } catch (error) {
    if (error instanceof PgError) return undefined;
    throw error;
  }
}

/** numeric_out of a number as written: no zeros in front but for one. */
function withoutPadding(written: string): string {
  const sign = written.startsWith('-') ? '-' : '';
  const digits = written.slice(sign.length).replace(/^0+(?=\d)/, '');
  return /[1-9]/.test(digits) ? sign + digits : digits;
}

/** Makes the template of a text that has been prepared as it is, when there is one to be made. */
export async function learnTemplate(
  session: SessionState,
  text: string,
  { lifted }: UnknownText,
  literal: Prepared,
): Promise<void> {
  const { transaction, settings } = session;
  const { statement, plan } = literal;
  if (transaction.ddl !== undefined || plan === undefined || statement === undefined) return;
  const { fingerprint } = settings;
  const { catalogVersion } = plan;
  const tailLength = text.length - statement.text.length;
  const own = text.startsWith(statement.text) && statement.executeAs === undefined;
  const { analyzed } = plan;
  const isKept = analyzed.notices.length === 0 && !dependsOnClock(lifted.key);
  // Such a word in one of the strings says nothing of others.
  if (isKept && dependsOnClock(text)) return;
  const prepared =
    own && literal.text === statement.text && isKept
      ? await liftedStatement(session, text, lifted, literal)
      : undefined;
  templates(session).known.set(fingerprint, lifted.key, {
    catalogVersion,
    prepared,
    tailLength,
  });
}

async function liftedStatement(
  session: SessionState,
  text: string,
  lifted: LiftedText,
  literal: Prepared,
): Promise<Prepared | undefined> {
  const { literals } = lifted;
  if (literals.length === 0) return literal;
  const types = literals.map(({ type }) => typeOids[type]);
  try {
    const [statement, ...more] = parseCached(withParameters(text, literals));
    if (statement === undefined || more.length > 0 || !isQuery(statement)) return undefined;
    const prepared = await prepareStatement(session, '', statement, types);
    const { plan } = prepared;
    if (plan === undefined || prepared.text !== statement.text) return undefined;
    const { paramTypes } = prepared;
    const values = valuesOf(session, text, lifted, paramTypes);
    const constants = values?.map((value, i): LiftedConstant => ({
      typeOid: types[i] === Oid.unknown ? paramTypes[i]! : types[i]!,
      value,
    }));
    return constants && meansTheSame(literal.plan!, plan, constants) ? prepared : undefined;
  } catch {
    // A parameter can't stand there.
    session.signal.throwIfAborted();
    return undefined;
  }
}
