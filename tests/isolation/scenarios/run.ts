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
/** A session waits when it has been seen to wait for this long: longer than deadlock_timeout, whose end may be an error. */
const blockedForMs = 60;
/** Where nobody can be asked who waits, this long without an answer, where none is expected, is a wait. */
const silentForMs = 50;
/** An answer that is expected may take this long; then the session is said to wait. */
const patienceMs = 8_000;

/** Which of these process ids wait for a lock now. */
export type WhoWaits = (processIds: readonly number[]) => Promise<ReadonlySet<number>>;

export interface RunOptions {
  readonly port: number;
  readonly protocol: Protocol;
  /** Search path of all sessions. */
  readonly schema: string;
  /** Undefined where the server can't be asked. */
  readonly whoWaits?: WhoWaits | undefined;
  /** What another server showed: tells how long to wait for an answer, no more. */
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

  /** Waits until `sessions` have answered or, as far as one can tell, wait for others. */
  async function settle(looked: readonly Pending[], waitsExpected: (p: Pending) => boolean) {
    const started = performance.now();
    const silent = (): readonly Pending[] => looked.filter(({ session }) => !session.answered());
    let blockedSince: number | undefined;
    while (silent().length > 0) {
      const now = performance.now();
      if (now - started > patienceMs) return;
      if (whoWaits === undefined) {
        if (silent().every(waitsExpected) && now - started > silentForMs) return;
        await sleep(lookEveryMs);
      } else {
        const asked = silent();
        const blocked = await whoWaits(asked.map(({ session }) => session.processId));
        const all = asked.every(({ session }) => blocked.has(session.processId));
        if (!all || silent().length < asked.length) blockedSince = undefined;
        else if (blockedSince === undefined) blockedSince = now;
        else if (now - blockedSince > blockedForMs) return;
        await sleep(lookEveryMs);
      }
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
