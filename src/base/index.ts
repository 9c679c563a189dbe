/**
 * base: what every layer may use. Errors with SQLSTATE, assertions, the injected clock, randomness and ids.
 * Nothing here knows of SQL, storage or the network.
 */
export * from './assert.ts';
export * from './clock.ts';
export * from './error.ts';
export * from './ids.ts';
export * from './sqlstate.ts';
