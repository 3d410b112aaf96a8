/** Whether life, limb or house is in danger, as far as words show: no library recognises emergencies. */
import type { Sentence } from "./reading.ts";

const DANGER = new RegExp(
  String.raw`\b(?:` + [
    "ambulance|emergency|paramedic|heart attack|stroke|seizure|overdose|unconscious|chest pain|anaphyla\\w+",
    "on fire|catch fire|fire (?:in|at) (?:the|my|our)|call the fire|gas leak|smell (?:of )?(?:gas|smoke|burn\\w*|funny)|carbon monoxide",
    "(?:can|could) (?:not|barely|hardly) breathe|struggle to breathe|stop breathe|not breathe|will not wake|pass out|go blue|turn blue",
    "collapse|bleed|choke|drown|poison|swallow (?:a|some|the|bleach)|be attack",
    "flood\\w*|burst pipe|pipe (?:have |just )?burst|water (?:be )?(?:come|pour|run) (?:through|thru|down|from)|break into (?:the|my|our)|(?:someone|somebody) (?:be )?break(?:ing)? in|intruder|someone be in (?:the|my)",
  ].join("|") + String.raw`)\b`,
);

export function isInDanger(sentences: readonly Sentence[]): boolean {
  return sentences.some(({ lemmas }) => DANGER.test(lemmas));
}
