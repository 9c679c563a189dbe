import type { Engine } from './engine.ts';
import { isQuery } from './prepare.ts';
import { mayBeKept } from './same-analysis.ts';
import { statementStore } from './statement-store.ts';
import type { StatementStore } from './statement-store.ts';
import type { Prepared, SessionState } from './state.ts';

/**
 * What Parse messages have made of their texts, for all sessions with the same settings: many drivers send the same text as an
 * unnamed statement each time.
 */

const preparedTextsMax = { short: 1024, long: 32 };

const storeOf = new WeakMap<Engine, StatementStore<Prepared>>();

function store({ engine }: SessionState): StatementStore<Prepared> {
  let own = storeOf.get(engine);
  if (own === undefined) {
    own = statementStore(preparedTextsMax);
    storeOf.set(engine, own);
  }
  return own;
}

function keyOf(text: string, declaredTypes: readonly number[]): string {
  return declaredTypes.length === 0 ? text : `${text}\u0000${declaredTypes.join(',')}`;
}

/** The statement by its name, when the text has been prepared before and means what it meant then. */
export function knownPrepared(
  session: SessionState,
  name: string,
  text: string,
  declaredTypes: readonly number[],
): Prepared | undefined {
  const { transaction, settings } = session;
  if (transaction.ddl !== undefined) return undefined;
  const known = store(session).get(settings.fingerprint, keyOf(text, declaredTypes));
  if (known === undefined) return undefined;
  const { plan } = known;
  if (plan !== undefined && plan.catalogVersion !== transaction.catalog.version) return undefined;
  return { ...known, name };
}

/** Keeps what a text has been found to be. Utility statements whose result depends on more than their text are not kept. */
export function keepPrepared(session: SessionState, text: string, prepared: Prepared): void {
  const { transaction, settings } = session;
  const { statement, plan, declaredTypes } = prepared;
  if (transaction.ddl !== undefined) return;
  if (statement === undefined) return;
  if (isQuery(statement) ? plan === undefined || !mayBeKept(text, plan) : !endsOrBegins(statement))
    return;
  store(session).set(settings.fingerprint, keyOf(text, declaredTypes), { ...prepared });
}

const endsOrBegins = ({ class: of }: { readonly class: string }): boolean => of === 'transaction';
