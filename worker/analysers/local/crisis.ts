/** Whether a person speaks of ending or hurting themselves, or of someone who does. */

/**
 * No library recognises this, and missing it is the worst mistake the analyser can make: phrases that leave
 * little doubt, in the languages that are classified at all. A figure of speech gets one line too many.
 */
const PHRASES: readonly RegExp[] = [
  // English
  /\b(?:i|he|she|they|just|to)(?: \w+){0,2} (?<!not |n't )(?:wants?|wanted|wanna|wish|wishes|going|ready|plan|planning|tried|trying)(?: \w+)?(?: to)? (?:die|be dead|not exist|stop existing|never wake up|not wake up)\b(?! (?:of|from|laughing|for|than|when|before))/,
  /\b(?:kill|hang|drown|shoot|harm|hurt)(?:ing)? (?:myself|himself|herself|themselves|themself)\b(?! (?:laughing|with laughter|at the gym|shaving))/,
  /\b(?:keep|kept|started|stop|urge to|want to|wanna|about|been) cut(?:ting)? (?:myself|himself|herself|themselves)\b/,
  /\bself[- ]?harm|\bsuicid(?:e|al)\b(?! squad)/,
  /\b(?:if i|that i) (?:didn't|did not|don't) exist\b|\bif i (?:wasn't|weren't|was not|were not) (?:here|alive|around)(?: any ?more)?(?:[.!…,]|$)|\bnever wak(?:e|ing) up\b|\bwish i (?:wouldn't|didn't|could not|couldn't) wake up\b/,
  /\b(?:took|taken|swallowed|taking) (?:a|the|all|my)(?: \w+)? (?:bottle|box|pack|lot) of (?:\w+ )?(?:pills|tablets|painkillers|sleeping pills)\b|\bjump(?:ing)? (?:off|from) (?:a|the) (?:bridge|roof|building)\b|\bin front of (?:a|the) train\b/,
  /\bpoint (?:of|in) (?:living|being alive|going on|life)\b|\btired of (?:living|being alive|life)\b|\b(?:can't|cannot|can not) live (?:like this|any ?more)\b/,
  /\bwant it(?: all)? to (?:end|be over|stop forever)\b|\b(?:want to|wanna|going to|gonna) end it(?: all)?(?:[.!…,]|$| now| tonight| today)/,
  /\bwant to disappear(?: and never|[.!…]| forever|$)|\b(?:nobody|no one|no-one) would (?:even )?(?:miss me|notice|care)(?: if)? i (?:was|were|died|disappeared)|\bwould miss me if i (?:was|were|died|disappeared)/,
  /\b(?:can't|cannot|can not) (?:do|take) (?:this|it) any ?more\b.{0,40}\b(?:goodbye|die|forgive me)\b/,
  /\b(?:end|ending|take|taking) (?:it all|(?:my|his|her|their) (?:own )?life)\b/,
  /\bbetter off (?:dead|without me|if i (?:was|were) (?:dead|gone|not here))\b|\bif i (?:was|were) dead\b/,
  /\bwish i (?:was|were) (?:dead|never born|not here|not alive)\b|\bwish i (?:wasn't|weren't) (?:here|alive)\b|\bwish i(?: had|'d)? never been born\b/,
  /\bi(?: really| just)? (?:don't|do not|no longer)(?: really| even)? want to (?:live|be alive|exist|be here|wake up|go on|be around)(?: like this)?(?: any ?(?:more|longer)| tomorrow|\s*[.!…;,]|\s*$)/,
  /\bno (?:reason|point) (?:to live|in living|living|to go on|in going on)\b|\blife is not worth living\b|\bnothing (?:left )?to live for\b/,
  /\b(?:can't|cannot|can not) go on (?:living|any ?(?:more|longer)|like this)\b/,
  // German
  /\b(?:will|möchte|wollte|mag) nicht mehr (?:leben|da sein|aufwachen)\b|\b(?:ich|einfach|nur noch) (?:will |möchte )?sterben\b(?: will)?|\b(?:umbringen|selbstmord|suizid|lebensmüde|ohne mich besser dran)|\b(?:mir|sich) (?:das leben nehmen|etwas an(?:zu)?tun)/,
  // French
  /\b(?:veux|voudrais|envie de) (?:plus vivre|mourir)\b|\b(?:me tuer|me suicider|suicide|en finir avec la vie|me faire du mal|mieux sans moi)\b/,
  // Spanish, Portuguese
  /\b(?:quiero|quisiera|ganas de) (?:morir|morirme)\b|\bno quiero (?:seguir )?(?:vivir|viviendo)(?: más)?(?:[.!…]|$)|\b(?:matarme|suicidarme|suicidio|quitarme la vida|hacerme daño)\b|\bmejor sin mí/,
  /\b(?:quero|queria) (?:morrer|me matar)\b|\bnão quero mais viver\b|\bsuicídio\b|\btirar a minha vida\b/,
  // Italian, Dutch
  /\bvoglio (?:morire|uccidermi|farla finita)\b|\bnon voglio più vivere\b|\b(?:suicidarmi|togliermi la vita)\b/,
  /\bwil (?:niet meer leven|dood)\b|\b(?:zelfmoord|mezelf van het leven)\b/,
];

export function isCrisis(text: string): boolean {
  const plain = text.toLowerCase().replaceAll("’", "'").replace(
    /\b(do|did|was|were|would|is|ca)nt\b/g,
    "$1n't",
  );
  return PHRASES.some((phrase) => phrase.test(plain));
}
