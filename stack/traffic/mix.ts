/** The mix of traffic: kinds of requests and the share of each. */

/** Each kind's share of all requests, as whole numbers. */
export const DEFAULT_MIX = {
  fresh: 8,
  repeated: 4,
  long: 1,
  bad: 1,
  missing: 1,
  read: 4,
  list: 2,
  follow: 1,
};

export type Kind = keyof typeof DEFAULT_MIX;
export type Mix = Readonly<Record<Kind, number>>;

export const KINDS = Object.keys(DEFAULT_MIX) as Kind[];

/**
 * Reads `fresh=5,bad=1`; kinds that are not named do not come.
 *
 * @throws {SyntaxError} for an unknown kind, a share that is not a whole number up to 100, or no share at all
 */
export function parseMix(text: string): Mix {
  const mix = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const part of text.split(",")) {
    const [, name, share] = /^\s*([a-z]+)=(\d{1,3})\s*$/.exec(part) ?? [];
    const kind = KINDS.find((kind) => kind === name);
    if (!kind || Number(share) > 100) {
      throw new SyntaxError(`Give shares such as fresh=5,bad=1 of: ${KINDS.join(", ")}.`);
    }
    mix[kind] = Number(share);
  }
  if (KINDS.every((kind) => mix[kind] === 0)) throw new SyntaxError("Give at least one kind a share.");
  return mix;
}

/** The kinds in turn, for ever, each as often as its share and evenly spread. */
export function* sequence(mix: Mix): Generator<Kind, never> {
  const total = KINDS.reduce((sum, kind) => sum + mix[kind], 0);
  const credit = new Map(KINDS.map((kind) => [kind, 0]));
  while (true) {
    for (const kind of KINDS) credit.set(kind, credit.get(kind)! + mix[kind]);
    const next = KINDS.reduce((best, kind) => credit.get(kind)! > credit.get(best)! ? kind : best);
    credit.set(next, credit.get(next)! - total);
    yield next;
  }
}
