/** Runs one case of a scenario and tells what each session was answered, and which had to wait for whom. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendMessage } from '../../support/backend.ts';
import type { Entry } from './output.ts';
import { renderAnswer } from './output.ts';
import type { Action, Case } from './script.ts';
import type { Protocol, ScenarioSession } from './session.ts';
import { openScenarioSession } from './session.ts';

/** How often it is looked whether an answer has come. */
const lookEveryMs = 2;
/**
 * A session waits when the server has said so for this long: longer than deadlock_timeout, whose end may be an error. Where a wait is
 * expected the first word is enough; where an answer is, it may still be on its way.
 */
const blockedForMs = 60;
const blockedInsteadForMs = 1000;
/** Whoever neither waits nor answers for this long is stuck. */
const patienceMs = 12_000;

/** Which of these process ids wait for a lock now. */
export type WhoWaits = (processIds: readonly number[]) => Promise<ReadonlySet<number>>;

export interface RunOptions {
  readonly port: number;
  readonly protocol: Protocol;
  /** Search path of all sessions. */
  readonly schema: string;
  readonly whoWaits: WhoWaits;
  /** What another server showed: tells how long to look, no more. */
  readonly expected?: readonly Entry[] | undefined;
}

/** What was expected to be seen at each action: the session waits, or which sessions go on. */
interface Hint {
  readonly waits: boolean;
  readonly done: readonly string[];
}

function hintsOf(expected: readonly Entry[]): readonly Hint[] {
  const hints: { waits: boolean; done: string[] }[] = [];
  for (const { kind, head } of expected) {
    if (kind === 'done') hints.at(-1)?.done.push(head);
    else hints.push({ waits: kind === 'waits', done: [] });
  }
  return hints;
}

/** A step that has not been answered. */
interface Pending {
  readonly step: string;
  readonly sql: string;
  readonly session: ScenarioSession;
}

/** Entries in the order in which they were seen. Ends early when a session should run a step and still waits. */
export async function runCase(item: Case, options: RunOptions): Promise<readonly Entry[]> {
  const { whoWaits } = options;
  const hints = options.expected === undefined ? undefined : hintsOf(options.expected);
  const entries: Entry[] = [];
  const sessions = new Map<string, ScenarioSession>();
  const sessionOf = new Map<number, string>();
  let pending: Pending[] = [];

  /** Waits until these have answered or wait for others. */
  async function settle(
    looked: readonly Pending[],
    waitsExpected: (each: Pending) => boolean,
  ): Promise<void> {
    const started = performance.now();
    const silent = (): readonly Pending[] => looked.filter(({ session }) => !session.answered());
    let blockedSince: number | undefined;
    for (let asked = silent(); asked.length > 0; asked = silent()) {
      const blocked = await whoWaits(asked.map(({ session }) => session.processId));
      const now = performance.now();
      const all = asked.every(({ session }) => blocked.has(session.processId));
      blockedSince = all ? (blockedSince ?? now) : undefined;
      let enoughMs = blockedForMs;
      if (hints !== undefined) enoughMs = asked.every(waitsExpected) ? 0 : blockedInsteadForMs;
      if (blockedSince !== undefined && now - blockedSince >= enoughMs) return;
      if (now - started > patienceMs) {
        const steps = asked.map(({ step }) => step).join(', ');
        throw new Error(`${item.title}: ${steps} neither waits nor answers`);
      }
      await sleep(lookEveryMs);
    }
  }

  const rendered = (sql: string, messages: readonly BackendMessage[]): string =>
    renderAnswer(sql, messages, sessionOf);

  function note(kind: Entry['kind'], head: string, body: string): void {
    entries.push({ kind, head, body });
  }

  /** Tells of sessions that waited and have their answer now. */
  async function noteDone(hint: Hint | undefined): Promise<void> {
    await settle(pending, ({ step }) => !(hint?.done.includes(step) ?? false));
    const [done, waiting] = [[], []] as [Pending[], Pending[]];
    for (const each of pending) (each.session.answered() ? done : waiting).push(each);
    for (const { step, sql, session } of done) note('done', step, rendered(sql, session.take()));
    pending = waiting;
  }

  async function runStep(action: Action, hint: Hint | undefined): Promise<void> {
    const step = action.text.replace(/\*$/, '');
    const sql = item.steps.get(step)!;
    const session = sessions.get(action.session)!;
    const sent = { step, sql, session };
    session.send(sql);
    if (action.kind === 'step') {
      await settle([sent], () => hint?.waits ?? false);
      if (session.answered()) {
        note('answer', `${step}: ${sql}`, rendered(sql, session.take()));
        await noteDone(hint);
        return;
      }
    }
    note('waits', `${step}: ${sql}`, '');
    await noteDone(hint);
    pending.push(sent);
  }

  async function awaitAnswer(session: ScenarioSession): Promise<void> {
    if (!pending.some((each) => each.session === session)) return;
    const deadline = performance.now() + patienceMs;
    while (!session.answered() && performance.now() < deadline) await sleep(lookEveryMs);
  }

  async function runOther(action: Action, hint: Hint | undefined): Promise<void> {
    const session = sessions.get(action.session)!;
    let body = '';
    if (action.kind === 'cancel') {
      await session.cancel();
      await awaitAnswer(session);
    } else if (action.kind === 'await') {
      await awaitAnswer(session);
    } else if (action.kind === 'close') {
      await session.close();
    } else {
      const deadline = performance.now() + patienceMs;
      while (!session.ended() && performance.now() < deadline) await sleep(lookEveryMs);
      body = session.ended() ? rendered('', session.take()) : 'still connected';
    }
    note('answer', action.text, body);
    await noteDone(hint);
  }

  try {
    for (const name of new Set(item.run.actions.map(({ session }) => session))) {
      const session = await openScenarioSession(name, options.port, options.protocol);
      sessions.set(name, session);
      sessionOf.set(session.processId, name);
      await session.ask(`set search_path = ${options.schema}`);
    }
    for (const [index, action] of item.run.actions.entries()) {
      const isStep = action.kind === 'step' || action.kind === 'send';
      const busy = pending.find(({ session }) => session.name === action.session);
      if (isStep && busy !== undefined) {
        note('answer', action.text, `not sent: ${busy.step} still waits`);
        break;
      }
      if (isStep) await runStep(action, hints?.[index]);
      else await runOther(action, hints?.[index]);
    }
    for (const { step } of pending) note('answer', step, 'still waits at the end');
    return entries;
  } finally {
    for (const { session } of pending) {
      await session.cancel();
      await awaitAnswer(session);
    }
    for (const session of sessions.values()) await session.close();
  }
}
