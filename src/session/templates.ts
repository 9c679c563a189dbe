import { liftLiterals, parseCached, withParameters } from '../sql/index.ts';
import type { LiftedText, NumberType } from '../sql/index.ts';
import { Oid } from '../types/oid.ts';
import type { Value } from '../types/value.ts';
import type { Engine } from './engine.ts';
import { isQuery, prepareStatement } from './prepare.ts';
import { mayBeKept, meansTheSame } from './same-analysis.ts';
import type { LiftedConstant } from './same-analysis.ts';
import { statementStore } from './statement-store.ts';
import type { StatementStore } from './statement-store.ts';
import type { Prepared, SessionState } from './state.ts';

/**
 * Statement templates: simple queries that differ in their numbers alone (`… WHERE id = 1`, `… WHERE id = 2`) are parsed and
 * analyzed once, with parameters in place of the numbers, and from then on run as the prepared statement would. A template is
 * made when its key is seen a second time, and only when PostgreSQL's analysis of both texts is the same (same-analysis.ts).
 */

/** For one set of settings. */
const templatesMax = 1024;
const seenKeysMax = 4096;

interface Template {
  readonly catalogVersion: number;
  /** Undefined: the numbers of such statements have to stay where they are. */
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
  const lifted = liftLiterals(text);
  if (lifted === undefined) return undefined;
  const { known, seen } = templates(session);
  const { fingerprint } = settings;
  const template = known.get(fingerprint, lifted.key);
  if (template?.catalogVersion === transaction.catalog.version) {
    const { prepared } = template;
    if (prepared === undefined) return undefined;
    return { prepared: instance(prepared, text, template), params: valuesOf(text, lifted) };
  }
  const seenBefore = template !== undefined || seen.get(fingerprint, lifted.key) === true;
  if (!seenBefore) seen.set(fingerprint, lifted.key, true);
  return { lifted, seenBefore };
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

const typeOids: Readonly<Record<NumberType, number>> = {
  int4: Oid.int4,
  int8: Oid.int8,
  numeric: Oid.numeric,
};

function valuesOf(text: string, { literals }: LiftedText): Value[] {
  return literals.map(({ start, end, type }) => {
    const written = text.slice(start, end);
    switch (type) {
      case 'int4':
        // Not -0, which is no value of the type.
        return Number(written) || 0;
      case 'int8':
        return BigInt(written);
      case 'numeric':
        return withoutPadding(written);
    }
  });
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
  const { known } = templates(session);
  const tailLength = text.length - statement.text.length;
  const own = text.startsWith(statement.text) && statement.executeAs === undefined;
  const prepared =
    own && literal.text === statement.text && mayBeKept(text, plan)
      ? await liftedStatement(session, text, lifted, literal)
      : undefined;
  known.set(fingerprint, lifted.key, { catalogVersion, prepared, tailLength });
}

async function liftedStatement(
  session: SessionState,
  text: string,
  lifted: LiftedText,
  literal: Prepared,
): Promise<Prepared | undefined> {
  const { literals } = lifted;
  if (literals.length === 0) return literal;
  const values = valuesOf(text, lifted);
  const constants = literals.map(({ type }, i): LiftedConstant => ({
    typeOid: typeOids[type],
    value: values[i]!,
  }));
  const types = constants.map(({ typeOid }) => typeOid);
  try {
    const [statement, ...more] = parseCached(withParameters(text, literals));
    if (statement === undefined || more.length > 0 || !isQuery(statement)) return undefined;
    const prepared = await prepareStatement(session, '', statement, types);
    const { plan } = prepared;
    if (plan === undefined || prepared.text !== statement.text) return undefined;
    return meansTheSame(literal.plan!, plan, constants) ? prepared : undefined;
  } catch {
    // A parameter can't stand there.
    session.signal.throwIfAborted();
    return undefined;
  }
}
