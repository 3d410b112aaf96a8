/** Parses what a service returns at `/metrics`: Prometheus's text format, and OpenMetrics. */

export interface Family {
  readonly name: string;
  /** counter, gauge, histogram, summary, …; empty if the text does not say. */
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** With its suffix, such as `_total` or `_bucket`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Whether it has an exemplar. */
  readonly exemplar: boolean;
}

const COMMENT = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+(?:"((?:[^"\\]|\\.)*)"|(\S+))[ \t]*(.*)$/;
const NAME = /[a-zA-Z_:][\w:]*/y;
const LABEL =
  /[ \t]*(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_]\w*))[ \t]*(?:=[ \t]*"((?:[^"\\]|\\.)*)")?[ \t]*(,|(?=\}))/y;
/** A value, a timestamp, an exemplar. */
const REST = /^[ \t]*(\S+)(?:[ \t]+-?[\d.eE+]+)?[ \t]*(#[ \t]*\{.*)?$/;
/** Suffixes of the samples that belong to a family, besides its own name. */
const SUFFIX = /_(?:total|bucket|sum|count|created|info|gsum|gcount)$/;

/**
 * Parses a whole response.
 *
 * @returns families by name, in their order; samples without a `# TYPE` are families of their own. Of two
 * with one name,
 *   which Go's client writes in OpenMetrics, the second has its type behind the name.
 * @throws {SyntaxError} quoting the first line that is in neither format
 */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  /** By the name under which a family's samples come, the family that was declared last. */
  const open = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  const family = (name: string, key = name) => {
    const found = families.get(key) ?? { name, type: "", help: "", samples: [] };
    families.set(key, found);
    open.set(name, found);
    return found;
  };
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "") continue;
    if (line.startsWith("#")) {
      const [, kind, quoted, plain, rest = ""] = COMMENT.exec(line) ?? [];
      const name = quoted ?? plain;
      if (kind === undefined || name === undefined || kind === "UNIT") continue;
      const type = rest.trim();
      const second = kind === "TYPE" && ![undefined, "", type].includes(families.get(name)?.type);
      if (kind === "HELP") (open.get(name) ?? family(name)).help ||= rest;
      else family(name, second ? `${name} ${type}` : name).type = type;
      continue;
    }
    const sample = parseSample(line);
    const base = sample.name.replace(SUFFIX, "");
    (open.get(sample.name) ?? open.get(base) ?? family(sample.name)).samples.push(sample);
  }
  return families;
}

function parseSample(line: string): Sample {
  let at = 0;
  const next = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match) at = pattern.lastIndex;
    return match;
  };
  let name = next(NAME)?.[0];
  const labels: Record<string, string> = {};
  while (line[at] === " " || line[at] === "\t") at++;
  if (line[at] === "{") {
    at++;
    while (line[at] !== "}") {
      const label = next(LABEL);
      if (!label) throw unreadable(line);
      const [, quoted, plain, value] = label;
      // A name that is not a Prometheus identifier is among the labels, in quotes.
      if (value !== undefined) labels[plain ?? unescaped(quoted!)] = unescaped(value);
      else if (quoted !== undefined && name === undefined) name = unescaped(quoted);
      else throw unreadable(line);
      while (line[at] === " ") at++;
    }
    at++;
  }
  const [, number, exemplar] = REST.exec(line.slice(at)) ?? [];
  const value = number === undefined ? undefined : numberOf(number);
  if (!name || value === undefined) throw unreadable(line);
  return { name, labels, value, exemplar: exemplar !== undefined };
}

/** "+Inf", "NaN" and plain numbers; undefined for anything else. */
function numberOf(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
}

function unreadable(line: string): SyntaxError {
  return new SyntaxError(`Cannot read the line ${line.length > 120 ? `${line.slice(0, 120)}…` : line}`);
}
