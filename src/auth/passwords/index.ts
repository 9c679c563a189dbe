/**
 * auth/passwords: what is kept of a role's password. No clear text is written anywhere: a statement that sets a password is given
 * its verifier (verifier.ts) before the mirror, the journal of DDL or the audit log see it (catalog/role-passwords.ts).
 *
 * To debug: `select rolname, rolpassword from pg_authid` as a superuser.
 */
export { scramVerifier, verifierOf } from './verifier.ts';
export type { PasswordRules } from './verifier.ts';
