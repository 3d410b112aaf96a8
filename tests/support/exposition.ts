/** Reads `/metrics`, in the text format of Prometheus and in OpenMetrics. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** With its suffix, as `_total` or `_bucket`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
  readonly families: ReadonlyMap<string, Family>;
  /** A sample's value; the labels must match all of its labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)(?: # \{.*\} \S+(?: \S+)?)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/g;

/** @throws {Error} quoting a line that is in neither format */
export async function scrape(url: string, format: "text" | "openmetrics" = "text"): Promise<Exposition> {
  const accept = format === "text"
    ? "text/plain;version=0.0.4"
    : "application/openmetrics-text;version=1.0.0";
  const response = await fetch(`${url}/metrics`, { headers: { accept } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}/metrics returned ${response.status}: ${text}`);
  const families = read(text);
  const samples = [...families.values()].flatMap(({ samples }) => samples);
  return {
    contentType: response.headers.get("content-type") ?? "",
    text,
    families,
    value: (name, labels = {}) =>
      samples.find((sample) =>
        sample.name === name && JSON.stringify(sorted(sample.labels)) === JSON.stringify(sorted(labels))
      )?.value,
  };
}

const sorted = (labels: Readonly<Record<string, string>>) => Object.entries(labels).toSorted();

function read(text: string): Map<string, Family> {
  const families = new Map<string, Family & { readonly samples: Sample[] }>();
  let family: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line === "# EOF") continue;
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      if (family?.name !== name) {
        if (families.has(name!)) throw new Error(`Two families are called ${name}`);
        families.set(name!, family = { name: name!, type: "", help: "", samples: [] });
      }
      if (kind === "HELP") family!.help = rest!;
      else family!.type = rest!;
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null || family === undefined) throw new Error(`Cannot read the line ${line}`);
    const labels = Object.fromEntries(
      [...(sample[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name!, value!]),
    );
    family.samples.push({ name: sample[1]!, labels, value: Number(sample[3]) });
  }
  return families;
}
