/**
 * live: queries that stay open after their first answer, of which their clients are told what changes.
 *
 * For now it is the registry of them (registry.ts), in memory: whoever opens one registers it, with how to end it, and
 * takes it out when it ends. system.live_queries shows them; DROP TABLE is refused while there are any (55006), or ends them
 * (CASCADE) once it is committed.
 *
 * Debugging: `select * from system.live_queries`.
 */
export { createLiveQueries } from './registry.ts';
export type { LiveQueries, LiveQuery, LiveRegistration } from './registry.ts';
