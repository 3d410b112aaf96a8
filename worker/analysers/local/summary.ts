/** The first sentence of a text, cut at a word to 200 characters. */
export function summaryOf(text: string): string {
  const sentence = text.trim().match(/^[\s\S]{1,200}?(?:[.!?](?=\s|$)|\n|$)/)?.[0].trim();
  if (sentence) return sentence;
  const cut = text.trim().slice(0, 200);
  // Without a space the cut may split a surrogate pair, and half of one cannot be stored.
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), 100)).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
