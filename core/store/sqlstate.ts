/**
 * What a database's error codes mean to the caller: the value is wrong, or the database cannot work now.
 */
import { DeadlineError } from "../deadline.ts";
import { DatabaseUnavailableError, UnstorableError } from "./database.ts";

/** SQLSTATE, or the code of the system or the library; empty where there is none. */
export const codeOf = (error: unknown) => error instanceof Error && "code" in error ? String(error.code) : "";

const LOGIN = /^(28...|3D000)$/;

/** Why a database cannot be used, in words fit for the public, by its code. */
const REASONS: readonly (readonly [code: RegExp, why: string])[] = [
  [/^25006$/, "read-only"],
  [LOGIN, "the login is refused"],
  [/^53100$/, "its disk is full"],
  [/^53...$/, "out of connections or memory"],
  [/^57014$/, "a statement took too long"],
  [/^57P0[1-5]$/, "it is starting or stopping"],
  [/^(08|40|57|58)...$/, "not reachable"],
  // Of the system, the library and TLS.
  [/^(E[A-Z]+|CONNECT_TIMEOUT|CONNECTION_[A-Z]+|[A-Z_]*CERT[A-Z_]*)$/, "not reachable"],
];

/** The error that tells callers whether to try again; an error in the program stays as it is. */
export function toDatabaseError(error: unknown, database: string): unknown {
  if (error instanceof DeadlineError) {
    return new DatabaseUnavailableError(error.message, { cause: error, why: "no response" });
  }
  if (!(error instanceof Error) || error instanceof DatabaseUnavailableError) return error;
  const code = codeOf(error);
  if (/^(22|23)...$/.test(code)) return new UnstorableError(error.message, { cause: error });
  const why = REASONS.find(([pattern]) => pattern.test(code))?.[1];
  if (why === undefined) return error;
  return new DatabaseUnavailableError(`${database}: ${error.message || code}`, {
    cause: error,
    why,
    permanent: LOGIN.test(code),
  });
}
