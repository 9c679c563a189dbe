import type { Figure } from './figure.ts';
import type { Server } from './server.ts';

export interface BenchContext {
  /** PostgreSQL; undefined with --own-only. */
  readonly postgres: Server | undefined;
  /** undefined with --peer-only. */
  readonly pgtide: Server | undefined;
  /** Fewer rounds and less data: to see that all works, not for figures. */
  readonly quick: boolean;
  log(message: string): void;
}

/** One thing that is measured. Makes its own tables, and may use those of the workloads it names in `after`. */
export interface Workload {
  readonly name: string;
  readonly describes: string;
  /** Workloads that must have run in the same run, in this order. */
  readonly after: readonly string[];
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export interface ServerPair<T> {
  readonly pgtide: T | undefined;
  readonly postgres: T | undefined;
}

/** The servers of this run. */
export function serversOf({ pgtide, postgres }: BenchContext): readonly Server[] {
  return [pgtide, postgres].filter((server) => server !== undefined);
}

/** `work` on one server after the other, never on both at once. */
export async function eachServer<T>(
  context: BenchContext,
  work: (server: Server) => Promise<T>,
): Promise<ServerPair<T>> {
  const { pgtide, postgres } = context;
  return {
    pgtide: pgtide && (await work(pgtide)),
    postgres: postgres && (await work(postgres)),
  };
}

/**
 * `rounds` measurements of each server, taken in turns (A B, B A, A B …), so that a slow spell of the machine meets
 * both.
 */
export async function interleave<T>(
  context: BenchContext,
  rounds: number,
  work: (server: Server, round: number) => Promise<T>,
): Promise<ServerPair<readonly T[]>> {
  const servers = serversOf(context);
  const taken = new Map<Server, T[]>(servers.map((server) => [server, []]));
  for (let round = 0; round < rounds; round += 1) {
    const inTurn = round % 2 === 0 ? servers : servers.toReversed();
    for (const server of inTurn) taken.get(server)?.push(await work(server, round));
  }
  const of = (server: Server | undefined): readonly T[] | undefined => server && taken.get(server);
  return { pgtide: of(context.pgtide), postgres: of(context.postgres) };
}
