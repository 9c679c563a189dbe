/** What `system.sessions` shows of an open session. */
export interface SessionInfo {
  readonly processId: number;
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  readonly remoteAddress: string;
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: bigint;
  readonly state: 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';
  readonly query: string;
}

/** The open sessions of this server. */
export interface SessionRegistry {
  /** A process id that no open session has. */
  allocateProcessId(): number;
  add(processId: number, info: () => SessionInfo): void;
  remove(processId: number): void;
  list(): readonly SessionInfo[];
}

export function createSessionRegistry(): SessionRegistry {
  const open = new Map<number, () => SessionInfo>();
  let last = 0;
  return {
    allocateProcessId: () => {
      do last = last >= 0x7ffffffe ? 1 : last + 1;
      while (open.has(last));
      return last;
    },
    add: (processId, info) => void open.set(processId, info),
    remove: (processId) => void open.delete(processId),
    list: () => [...open.values()].map((info) => info()),
  };
}
