/**
 * net: sockets. Accepts connections (listener.ts), takes each through start-up (start-up.ts), hands its messages one at
 * a time to a Session and its answers back (connection.ts), never holding more unsent bytes than a bound (output.ts).
 *
 * A connection: accept -> SSL/GSS refused with 'N' -> StartupMessage -> SessionHandler.open -> messages -> close.
 * It logs one line when its session opens and one when its socket closes, with the same `connection` id.
 * The contract with sessions stands in session/connection.ts. Of session's files net imports that one only.
 */
export { createListener } from './listener.ts';
export type { Listener, ListenerOptions } from './listener.ts';
export type { ListenerLimits } from './limits.ts';
