/**
 * What is recognised in thoughts in other languages: the form of a note, of a wish, of thanks and of a
 * memory.
 */
import type { Language } from "./language.ts";
import type { Type } from "./type.ts";

/**
 * No packaged model reads these as wink-nlp reads English, so this is the little that is safe to say; a
 * question mark counts in every language, and everything else is a reflection.
 */
const FORMS: Readonly<Record<string, readonly (readonly [Type, RegExp])[]>> = {
  de: [
    ["gratitude", /\b(?:danke|dankbar)/],
    ["memory", /\berinnere mich\b|\bals kind\b|\bdamals\b|\bals ich \S+ (?:jahre alt )?war\b/],
    ["worry", /\b(?:angst|sorge|sorgen|mache mir sorgen|befürchte|fürchte)\b/],
    ["goal", /\bich (?:will|möchte|würde gern|werde)\b|\bdieses jahr\b/],
    [
      "task",
      /\b(?:muss|müssen|nicht vergessen|bis (?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|morgen|heute))\b|^[^,.!?]+ \p{Ll}+(?:en|ern|eln)[.!]?$/u,
    ],
  ],
  fr: [
    ["gratitude", /\b(?:merci|reconnaissante?)\b/],
    ["memory", /\bme souviens\b|\bje me rappelle\b|\bquand j'étais\b|\bà l'époque\b/],
    ["worry", /\b(?:peur|inquiète?|inquiet|angoisse|m'inquiète)\b/],
    ["goal", /\bje (?:veux|voudrais|vais apprendre)\b|\bcette année\b/],
    ["task", /^\p{L}+(?:er|ir|re)\b|\b(?:il faut|je dois|n'oublie|ne pas oublier)\b/u],
  ],
  es: [
    ["gratitude", /\b(?:gracias|agradecid[oa])\b/],
    ["memory", /\b(?:recuerdo|me acuerdo|cuando era|de niñ[oa])\b/],
    ["worry", /\b(?:miedo|preocupad?[oa]?|angustia)\b/],
    ["goal", /\b(?:quiero|quisiera|me gustaría)\b|\beste año\b/],
    ["task", /^\p{L}+(?:ar|er|ir)(?:l[oae]s?)?\b|\b(?:tengo que|hay que|debo|no olvidar)\b/u],
  ],
  it: [
    ["gratitude", /\bgrazie\b/],
    ["memory", /\b(?:mi ricordo|ricordo|da bambin[oa]|quand'ero|quando ero)\b/],
    ["worry", /\b(?:paura|preoccupat[oa]|ansia)\b/],
    ["goal", /\b(?:voglio|vorrei)\b|\bquest'anno\b/],
    ["task", /^\p{L}+(?:are|ere|ire)\b|\b(?:devo|bisogna|non dimenticare)\b/u],
  ],
};

export function typeIn(language: Language, text: string): Type {
  const plain = text.trim().toLowerCase().replaceAll("’", "'");
  if (/[?？؟]\s*$/.test(plain)) return "question";
  return FORMS[language.code]?.find(([, form]) => form.test(plain))?.[0] ?? "reflection";
}
