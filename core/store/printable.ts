/** Makes texts from outside fit for a row, a message's header and a log line. */

/** UTF-16 units of a reason, an id or a header that are kept. */
const MAX_CHARS = 500;

/**
 * Replaces what PostgreSQL or Kafka refuses (control characters, halves of surrogate pairs) and cuts what is
 * too long.
 */
export function printable(text: string, maxChars = MAX_CHARS): string {
  const cut = text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
  return cut.replaceAll(/\p{Cc}+/gu, " ").toWellFormed();
}
