/** Phrases that indicate a kind of thought. */
import type { Type } from "./type.ts";

/**
 * Phrases by what they indicate, with their points; 4 for an explicit statement. They are matched with lemmas
 * ("I'm worried" is "i be worried"), which no library turns into kinds of thought.
 */
export const CUES: readonly (readonly [Type, number, RegExp])[] = [
  [
    "gratitude",
    4,
    /\b(?:thank|thanks|thankful|grateful|gratitude|bless|blessed|appreciate|thx)\b(?! (?:you )?(?:note|card|letter|gift))/,
  ],
  ["gratitude", 2, /^(?:so |really )?glad\b/],
  [
    "gratitude",
    4,
    /\blucky (?:man|woman|girl|guy|one|dog|mother|father)\b|\bmean (?:a lot|so much|the world)(?: that| to)\b/,
  ],
  [
    "gratitude",
    3,
    /^(?:lucky|fortunate)\b|\b(?:so |very |really |how |be )(?:lucky|fortunate) (?:to|that|i|we)?|\bcould not have (?:do|make|get)\b.*\bwithout\b/,
  ],
  [
    "gratitude",
    3,
    /\b(?:so|how|very|really) (?:kind|generous|thoughtful|sweet|lovely) (?:of|be|to)\b|\bmean (?:so much|the world|a lot) to me\b|\bowe (?:\w+ ){1,3}(?:so much|a lot|everything)\b/,
  ],
  ["gratitude", 6, /\bwhat (?:i |we )?would (?:i |we )?(?:have )?do without\b/],
  [
    "gratitude",
    4,
    /\bmake my (?:day|week|year)\b|\bnever (?:be able to )?repay\b|\b(?:so|really|deeply) touch\w*\b|\bsurprise (?:i|me|us) with\b|\bbe (?:so |really )?glad (?:i|we|to have|that (?:i|we)) ?(?:have|live|can)?\b|\bhow (?:kind|generous|thoughtful|sweet|lovely|nice) be\b/,
  ],

  [
    "memory",
    4,
    /(?<!(?:please|must|to|should|not|can|do) )\b(?:remember|recall)\b(?! to\b)(?=.* (?:the|how|when|my|our|that|be|sit|go|get)\b)/,
  ],
  [
    "memory",
    4,
    /\bremind (?:i|me|we|us) of\b|\bnostalgi|\bchildhood\b|\bbring back memory\b|\bthink back\b|\bmemory of\b/,
  ],
  ["memory", 4, /(?<!\bbe |\bget )\buse to (?!think|believe|be afraid|worry)/],
  [
    "memory",
    4,
    /\bwhen (?:i|we|he|she|you|they) be (?:still )?(?:a |only |just |about )?(?:kid|child|little|young|small|boy|girl|baby|teenager|student|at (?:school|college|university)|\w+teen|\d+|five|six|seven|eight|nine|ten|eleven|twelve|twenty)/,
  ],
  [
    "memory",
    4,
    /\bas a (?:kid|child|boy|girl|teenager|student)\b|\bback (?:in (?:the|\d{4}|those|college|school|my|our|high)|then|when)\b|\b(?:those|the) (?:old|good old) (?:day|time)\b/,
  ],
  [
    "memory",
    4,
    /\b(?:can|could) still (?:hear|see|smell|taste|feel|picture)\b|\bi be (?:\d+|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty)(?: year old)? (?:when|and)\b|\b(?:our|old|baby|wedding|childhood) (?:wedding |baby |school )?(?:picture|photo)s? .*\bbe so\b/,
  ],
  [
    "memory",
    5,
    /\bwill never forget\b|^(?:remember|recall) (?:when|that|how|the)\b|\b(?:take|bring|throw) (?:i|me|us)(?: \w+)? back\b|^every \w+(?: \w+)? (?:my|our|we|the) .*\bwould\b|\bas (?:kid|child)\b|^grow up\b/,
  ],
  [
    "memory",
    3,
    /\b(?:in|at) (?:primary|high|elementary|middle|secondary|boarding) school (?:i|we|my|our|there)\b|\bthe last time (?:i|we)\b|^last time (?:i|we)\b/,
  ],
  [
    "memory",
    2,
    /\b(?:our|my|the|an|some|his|her|their) old (?:\w+ ){0,2}(?:photo|photograph|picture|video|letter|diary|album|tape|postcard|toy|school)/,
  ],
  [
    "memory",
    3,
    /\bmy first (?:day|kiss|job|bike|car|time|concert|flat|apartment|bicycle|teacher|pet|love|dog|trip)\b/,
  ],
  [
    "memory",
    3,
    /^(?:oh )?that (?:summer|winter|spring|autumn|fall|night|day|year|time|trip|evening|holiday|weekend|morning|afternoon|christmas)\b/,
  ],
  [
    "memory",
    3,
    /^(?:my|our) (?:grand\w+|mother|father|mom|dad|aunt|uncle|grandpa|grandma|granny|teacher) (?:would|always|use)\b/,
  ],

  [
    "goal",
    5,
    /(?:\b(?:i|we)(?: \w+){0,2} |^)(?<!not )(?:want|wish|hope|plan|aim|intend|would like|would love|be determine\w*|be hope|be plan|be aim|be die) to (?!know|ask|thank|say|cry|scream|believe|sleep|hide|throw)/,
  ],
  ["goal", 5, /\b(?:i|we) have decide to\b|\bwork toward\w*\b|\bfrom now on\b/],
  [
    "goal",
    5,
    /\b(?:goal|aim|resolution|ambition|dream|target|new year'?s? resolution)s?\b.* (?:be|:)? ?|\b(?:my|our|the) plan be\b|\bbucket list\b/,
  ],
  [
    "goal",
    5,
    /\b(?:one day|some ?day|eventually|this year|next year|by the (?:end of|time)|before (?:i|we) (?:turn|be)|within \w+ (?:year|month)|in \w+ year(?: time)?|by (?:next )?(?:summer|christmas|spring|winter|autumn|january|february|march|april|may|june|july|august|september|october|november|december|the summer))\b.*\b(?:will|be go to|want|would like)\b/,
  ],
  [
    "goal",
    5,
    /\b(?:will|be go to|want|would like)\b.*\b(?:one day|some ?day|eventually|this year|next year|by the (?:end of|time)|before (?:i|we) (?:turn|be)|within \w+ (?:year|month)|in \w+ year(?: time)?|by (?:next )?(?:summer|christmas|spring|winter|autumn|january|february|march|april|may|june|july|august|september|october|november|december))\b/,
  ],
  [
    "goal",
    2,
    /\b(?:i|we) (?:be go to|will) (?:start|stop|quit|learn|become|write|finish|train|read|be)\b|\bsave enough\b/,
  ],
  [
    "goal",
    5,
    /\b(?:learn (?:to|how|enough)|lose (?:weight|\w+ (?:kilo|pound|kg|stone))|get (?:fit|in shape|good at|better at)|save (?:up )?for|quit (?:smoke|drink|sugar)|run a (?:half )?marathon|get my degree|stop (?:smoke|drink|check|procrastinat\w*))\b/,
  ],
  [
    "goal",
    4,
    /^(?:no more|be (?:on|more|less|kind|well|a)\b|spend more|spend less|eat (?:less|more)|drink (?:less|more)|less|more) /,
  ],

  [
    "idea",
    5,
    /^(?:\w+ )?(?:idea|concept|brainstorm|pitch|shower think|shower thought)\b(?! (?:what|why|how|who|if|be))/,
  ],
  [
    "idea",
    5,
    /\bwhat if\b|\b(?:how|what) about (?!you|i|me)\w+|^why not\b|\bwhy do not (?:we|i|you|they)\b|\bimagine (?:if|a|an|be)\b|\bpicture this\b/,
  ],
  [
    "idea",
    4,
    /\b(?:could|may|might|would) be (?:worth|cool|nice|fun|neat|great|handy|useful|interesting|lovely|good|easy)\b(?: (?:to|if|for)| \w+)/,
  ],
  [
    "idea",
    3,
    /\b(?:we|you|one|they|someone|somebody|people) (?:could|should)\b(?! not| have (?!a |an |the |some |more ))/,
  ],
  [
    "idea",
    3,
    /\b(?:maybe|perhaps) (?:(?:we|i) (?:could|should|can)|a|an|there|the)\b|\bthere should be\b|(?:^|\bi )could (?:use|make|build|write|try|start|turn|sell|combine|put|paint|open|organize|offer)\b|^turn .* into\b|\bthink (?:of (?:a|an)|about (?:open|start|make|build|write|launch|create|turn|paint|offer)\w*)\b|\binstead of\b/,
  ],
  [
    "idea",
    5,
    /\bwould not it be\b|^let (?:us|'s|we) (?!go\b|see\b|face\b|be\b)|\b(?:we|i) (?:might|could) try\b/,
  ],
  ["idea", 4, /\bsome(?:one|body) should (?:make|invent|build|write|open|start|create)\b/],
  [
    "idea",
    4,
    /^(?:an? )?(?:\w+ ){0,2}(?:app|application|story|novel|poem|song|game|website|podcast|blog|book|film|movie|service|shop|cafe|café|gadget|device|tool|machine|business|newsletter|club|bot|plugin|museum|startup|board game|recipe) (?:about|that|which|where|for|who|make|with)\b/,
  ],

  [
    "question",
    5,
    /\b(?:i|we)(?: \w+)? wonder\b|\b(?:do|have) (?:anyone|anybody|someone)\b|\banyone know\b|\bcurious (?:if|whether|how|why|what)\b|\bany (?:idea|tip|advice|recommendation)s?\b(?! what i)/,
  ],
  [
    "question",
    3,
    /\b(?:not sure|unsure|do not know|no idea|need to know|want to know|find out|figure out|decide) (?:if|whether|which|what to|when to|what \w+ to|how much)\b/,
  ],

  [
    "worry",
    5,
    /(?<!\bwho (?:be )?|\bnot |\bno long |\bno )\b(?:worry|worried|anxious|anxiety|afraid|scare|scared|scary|terrify|terrified|nervous|dread|panic|frighten\w*|freak|overwhelm\w*|uneasy)\b/,
  ],
  [
    "worry",
    4,
    /\b(?:i|we) (?:just |really |still )?(?:do not|have no) (?:know|idea|clue) (?:how|what|who|where|if)(?! (?:i|we) would| to (?:wear|cook|get|buy|call)\b)/,
  ],
  [
    "worry",
    4,
    /\b(?:can|could) not (?:stop (?:think|worry|check|cry|shake)|sleep|breathe|cope|focus|afford|concentrate|keep up|shake)/,
  ],
  [
    "worry",
    4,
    /\bi (?:keep think|fear)\b|\b(?:not sure|do not think) (?:i|we) (?:can|will|could)\b|\bprobably (?:be )?next\b|\blet (?:people|staff|everyone) go\b|\b(?:still|yet) (?:not|be not) (?:home|back|here)\b|\bnot home\b|\bpast midnight\b/,
  ],
  [
    "worry",
    3,
    /\b(?:hand|back|head|chest|leg|arm|eye|stomach|heart|tooth|ear|neck|foot|knee)\b.*\b(?:shake|hurt|ache|swell|numb|race|tingle|twitch|pound)\w*\b|\bsomething be (?:wrong|off|not right)\b|\b(?:cough|vomit|throw up|dizzy|limp|faint)\w*\b.*\b(?:for|since|again)\b|\bsound (?:so |very |really )?(?:strange|odd|off|distant|weak)\b|\b(?:can not|not) (?:make|pay) (?:the|our|my) (?:mortgage|rent|bill|payment)\w*\b|\bdare not\b/,
  ],
  [
    "worry",
    4,
    /\b(?:bad feeling|run out of (?:money|time)|fear the bad|lose control|fall apart)\b|^(?!i |we |you )(?:\w+ ){1,4}have not \w+.*\b(?:in|for|since|yet|back)\b/,
  ],
  [
    "worry",
    3,
    /\b(?:have not|not)(?: be)? (?:sleep|eat|answer|reply|come home|call back|hear from|pick up|be able)\b|\bsince (?:last night|yesterday|this morning|the funeral|monday)\b/,
  ],
  [
    "worry",
    3,
    /\b(?:will not|may not|might not|may|might|could|be go to) (?:lose|fail|wake|hold|make it|survive|work out|get fire|be fire|collapse|run out|get sick|leave me|die)\b/,
  ],
  [
    "worry",
    4,
    /\b(?:lump|bleed|blood|fever|chest pain|unconscious|seizure|biopsy|tumor|fall again|rash|get fire|be fire|strange (?:noise|smell|lump|pain|man)|go up and|get bad|go wrong|be wrong with|be kill me|stress(?:ed)?|layoff|lay off|debt|overdraw\w*)\b/,
  ],
  [
    "worry",
    2,
    /\b(?:keep|start) (?:forget|lose|cough|fall|have|wake|get|feel)\w*\b|\bkind of world\b|\bnot like (?:he|him|she|her|them)\b|\bwhat will happen\b|\bbe (?:already )?go\b(?! to)/,
  ],

  [
    "task",
    5,
    /^(?:please |also |and |ok |remember to )*do not (?:forget|let)\b|^(?:todo|to do|reminder|note to self|remember to|make sure|be sure)\b|\bremind (?:i|me) to\b|\b(?:must|should|can) not forget\b|^(?:please |must |need to )remember to\b/,
  ],
  [
    "task",
    4,
    /(?:^|\b(?:i|we|you)(?: \w+)? )(?:must|need to|have to|have get to|get to|ought to|should|had better)(?: (?:really|also|finally|still|probably))? (?!have |be |not |know |say |admit |laugh |stop (?:worry|think))\w+/,
  ],
  [
    "task",
    3,
    /\b(?:due|overdue|appointment|deadline be|expire|renew)\b|\b(?:almost |nearly )?out of (?!money|time|control|my|the|work|breath)\w+$/,
  ],
  [
    "task",
    6,
    /^(?:could|would|will) (?:you|someone|somebody) (?!tell|explain|imagine|believe)\w+|^can (?:you|someone|somebody) please\b/,
  ],
  ["task", 4, /^(?:some(?:one|body)|one of us|you) (?:have to|need to|must)\b|^need \w+/],
  [
    "task",
    2,
    /\b(?:i|we)(?: still)? need (?:a |an |some |more |new |\w+)|^(?:the|my|our|this) (?:\w+ ){1,3}need (?:a|an|new|more|some|to be|fix|wash|clean|repair|mow|change|paint|replace|service|sign|feed|water)/,
  ],

  [
    "reflection",
    3,
    /\buse to think\b|\b(?:funny|strange|weird|odd|amazing|interesting|sad) how\b|\bturn out\b|\bthe (?:older|more) i\b|\bin hindsight\b|\blook back\b/,
  ],
  [
    "reflection",
    2,
    /\b(?:i|we)(?: \w+)? (?:realize|notice|think|feel|believe|guess|suppose|find|love|hate|enjoy|never|always)\b|^(?:feel|feeling)\b|\b(?:some day|sometimes|lately|today) i\b/,
  ],
  [
    "task",
    3,
    /\b(?:must|have to|need to) be (?:with|at|in|on|there|back|do|ready|send)\b|\brun out on\b|^time to \w+/,
  ],
  [
    "idea",
    3,
    /\bi could (?!not|have|hear|see|feel|smell|still|only|never|barely|finally|kill|eat|cry|scream|sleep)\w+|\b(?:we|i) might (?!have|not|be|lose|miss|need|never)\w+/,
  ],
  ["question", 4, /^which \w+|\b(?:i|we) (?:\w+ ){0,2}wonder\b/],
  [
    "worry",
    3,
    /\b(?:my|our) \w+ be (?:end|fail|die|slip|drop|shrink)\b|\bi may have|\bi might have\b|\bwill (?:not|never) (?:last|be able|make it|own|get better|recover)\b|\bbe bully\b|\bbullied\b/,
  ],
  [
    "goal",
    5,
    /\bthis be the year\b|^(?:plan|planning|hope|hoping|aim|aiming) to\b|\bsave \w+ (?:a|per|every|each) (?:month|week)\b/,
  ],
  [
    "goal",
    4,
    /(?:^|\bi be )(?:try|trying) to (?:eat|cut|drink|be|get|stop|read|learn|spend|sleep|walk|run)\b|\bcut down on\b/,
  ],
  [
    "memory",
    4,
    /\b(?:in|of) those days\b|\bi (?:can|could) picture\b|\bthink of the (?:day|time|night)\b|\bwhen i be (?:very |so )?tiny\b/,
  ],
  [
    "memory",
    3,
    /^the (?:night|day|summer|winter|year|time|morning|evening|afternoon) (?:the|when|we|i|my|our|he|she)\b/,
  ],
  [
    "gratitude",
    3,
    /\bwould not (?:take|accept|hear of) (?:any|a)\b|\bwhat a gift\b|^cheers? to\b|\bchange my life\b|\bowe (?:\w+ ){1,5}everything\b/,
  ],
];
