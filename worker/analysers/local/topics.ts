/** What a text is about: its noun phrases. */
import { clausesOf, isImperative } from "./form.ts";
import { isName, type Sentence, type Word } from "./reading.ts";

export interface Topic {
  /** The phrase without its article, as written. */
  readonly phrase: string;
  /** As said to the writer: "the rent", "your knee". */
  readonly spoken: string;
}

/** Keywords of a result. */
const MAX_TOPICS = 5;

/** The noun phrases of a text, each once, in order; repeated ones first. */
export function topicsOf(sentences: readonly Sentence[]): Topic[] {
  const found = new Map<string, { topic: Topic; times: number }>();
  for (const sentence of sentences) {
    for (const words of phrasesOf(sentence)) {
      const topic = topicOf(words, sentence);
      if (topic === undefined) continue;
      const key = words.at(-1)!.lemma;
      const known = found.get(key);
      if (known === undefined) found.set(key, { topic, times: 1 });
      else known.times++;
    }
  }
  return [...found.values()].sort((a, b) => b.times - a.times).slice(0, MAX_TOPICS).map(({ topic }) => topic);
}

/** Runs of words that end in a noun: an article or owner, what describes it, and the noun itself. */
function* phrasesOf({ words }: Sentence): Generator<Word[]> {
  // "Book flights" and "water the tomatoes" are about flights and tomatoes.
  const orders = new Set(clausesOf(words).filter(isImperative).map(([first]) => first!));
  let phrase: Word[] = [];
  for (let at = 0; at <= words.length; at++) {
    const word = words[at];
    if (word !== undefined && !orders.has(word) && belongs(word, phrase, words[at + 1])) {
      phrase.push(word);
      continue;
    }
    while (phrase.length > 0 && !isNoun(phrase.at(-1)!)) phrase.pop();
    if (phrase.length > 0) yield phrase;
    phrase = word !== undefined && isOpener(word) ? [word] : [];
  }
}

function belongs(word: Word, phrase: readonly Word[], next: Word | undefined): boolean {
  if (isOpener(word)) return false;
  if (isNoun(word)) return true;
  const described = next !== undefined && (isNoun(next) || next.pos === "ADJ");
  const opened = phrase.length === 1 && isOpener(phrase[0]!);
  // "the back door", "the Monday meeting"
  if (opened && described && (word.pos === "ADV" || TIMES.has(word.lemma.toLowerCase()))) return true;
  if (word.pos === "ADJ") return !AMOUNTS.has(word.normal) && !phrase.some(isNoun);
  // "left-handed", "my grandfather's workshop"
  if (word.text === "-") return phrase.length > 0 && word.space === "" && next?.space === "";
  return word.normal === "'s" && phrase.length > 0 && described;
}

const AMOUNTS: ReadonlySet<string> = new Set(["more", "most", "many", "much", "few", "enough"]);

const isNoun = ({ pos, lemma }: Word) =>
  (pos === "NOUN" || pos === "PROPN") && !TIMES.has(lemma.toLowerCase());
const isOpener = ({ pos, normal }: Word) => (pos === "DET" && ARTICLES.has(normal)) || OWNERS.has(normal);

const ARTICLES: ReadonlySet<string> = new Set(["the", "a", "an", "this", "that", "these", "those", "no"]);
/** Its owner, as said to the writer. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ["my", "your"],
  ["our", "your"],
  ["your", "your"],
  ["his", "his"],
  ["her", "her"],
  ["their", "their"],
  ["its", "its"],
]);

/** Nouns that say when: they follow a topic, as in "buy milk tomorrow", and are not topics. */
const TIMES: ReadonlySet<string> = new Set(
  ("today tomorrow tonight yesterday monday tuesday wednesday thursday friday saturday sunday mondays tuesdays " +
    "wednesdays thursdays fridays saturdays sundays asap").split(" "),
);

/** Nouns that name no topic: amounts of time and other things, and stand-ins. */
const EMPTY: ReadonlySet<string> = new Set(
  ("thing way lot kind sort time day week month year years hour minute morning evening night weekend one something " +
    "everything nothing anything someone bit couple reason rest idea todo moment end please half i feeling meh god last people")
    .split(
      " ",
    ),
);

function topicOf(words: readonly Word[], { words: all }: Sentence): Topic | undefined {
  const opener = isOpener(words[0]!) ? words[0]! : undefined;
  const rest = opener === undefined ? words : words.slice(1);
  const noun = rest.at(-1);
  if (noun === undefined || EMPTY.has(noun.lemma) || !/\p{L}{2}/u.test(noun.text)) return undefined;
  const text = rest.map(({ text, space }, at) => at === 0 ? text : space === "" ? text : ` ${text}`).join("");
  const phrase = rest[0] === all[0] && !isSubjectByName(words, all) ? uncapitalised(text, rest[0]!) : text;
  if (phrase.length > MAX_PHRASE) return undefined;
  return { phrase, spoken: spoken(opener, phrase) };
}

const MAX_PHRASE = 60;

function spoken(opener: Word | undefined, phrase: string): string {
  const owner = opener && OWNERS.get(opener.normal);
  if (owner !== undefined) return `${owner} ${phrase}`;
  if (opener === undefined || opener.normal === "no") return phrase;
  return `${opener.normal} ${phrase}`;
}

/** "Mum keeps asking": a singular subject without an article is a name. */
function isSubjectByName(words: readonly Word[], all: readonly Word[]): boolean {
  const next = all[1]?.pos;
  return words.length === 1 && words[0]!.pos === "PROPN" &&
    words[0]!.lemma === words[0]!.text.toLowerCase() &&
    (next === "AUX" || next === "VERB");
}

/** Any word is capitalised at the start of a sentence; "Lisbon" everywhere. */
function uncapitalised(text: string, first: Word): string {
  if (!/^\p{Lu}\p{Ll}+$/u.test(first.text)) return text;
  return first.pos !== "PROPN" || !isName(first.text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}
