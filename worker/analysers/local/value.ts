/** What a thought is worth to each dimension of life it touches. */
import type { Dimension, Result } from "../../../core/thought.ts";
import type { Sentence } from "./reading.ts";
import { feelingsOf, toneOf } from "./tone.ts";

/**
 * The dimensions that a text's words belong to, from -1 to 1: the tone of their sentences, stronger with more
 * words. 0 if those are neutral; a dimension without words is left out.
 *
 * @param fallback the balance of a sentence that has no word of feeling, such as a worry told in facts
 */
export function valueOf(sentences: readonly Sentence[], fallback: number): Result["value"] {
  const touched = new Map<Dimension, { times: number; balance: number }>();
  for (const sentence of sentences) {
    const feelings = feelingsOf([sentence]);
    const balance = feelings.good + feelings.bad === 0 ? fallback : toneOf(feelings).balance;
    for (const { lemma, pos } of sentence.words) {
      const dimension = pos === "PUNCT" ? undefined : DIMENSION_OF.get(lemma);
      if (dimension === undefined) continue;
      const so = touched.get(dimension) ?? { times: 0, balance: 0 };
      touched.set(dimension, { times: so.times + 1, balance: so.balance + balance });
    }
  }
  return Object.fromEntries(
    [...touched].map(([dimension, { times, balance }]) => [
      dimension,
      rounded((balance / times) * (1 - 0.5 ** times)),
    ]),
  );
}

/** `+ 0` turns -0 into 0, as JSON does. */
const rounded = (value: number) => Math.round(value * 100) / 100 + 0;

/**
 * Lemmas by the dimension they belong to: the dimensions are this project's own, so no library knows them.
 */
const DIMENSION_OF: ReadonlyMap<string, Dimension> = new Map(
  ([
    [
      "health",
      "health sleep asleep exercise run gym doctor dentist hospital nurse operation diet eat food tired sick ill pain " +
      "breathe medicine tablet pill walk weight biopsy ambulance temperature fever knee therapy therapist sober smoke " +
      "smoking alcohol drinking pharmacy marathon headache anxiety panic",
    ],
    [
      "relationships",
      "friend family mother father mom dad parent partner wife husband boyfriend girlfriend son daughter sister brother " +
      "kid child baby grandma grandpa grandmother grandfather nonna aunt uncle love marriage wedding birthday funeral",
    ],
    [
      "career",
      "work job boss career project meeting colleague deadline office client promotion interview team report layoff " +
      "email invoice salary hr manager presentation shift",
    ],
    [
      "finances",
      "money pay budget save saving bank debt loan rent mortgage invest tax bill price salary deposit fortune receipt " +
      "insurance afford invoice cost raise ira",
    ],
    [
      "growth",
      "learn read book course study skill language practice improve write writing habit meditate patient degree exam " +
      "class lesson",
    ],
    [
      "leisure",
      "holiday vacation trip travel flight game music film movie garden hobby fun play guitar concert beach song dance " +
      "dancing match story tea",
    ],
    [
      "community",
      "community neighbor volunteer charity vote school church club city library food-bank group together",
    ],
    [
      "environment",
      "environment climate nature energy recycle plastic tree forest river rubbish litter pollution",
    ],
  ] as const).flatMap(([dimension, words]) => words.split(" ").map((word) => [word, dimension] as const)),
);
