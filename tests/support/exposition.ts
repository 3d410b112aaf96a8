/** Scrapes `/metrics`, as Prometheus does. */
import { type Family, parseExposition } from "../../stack/clients/exposition.ts";

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
  readonly families: ReadonlyMap<string, Family>;
  /** A sample's value; the labels must match all of its labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** @throws {Error} quoting a line that is in neither format, or naming a family of ours that is declared twice */
export async function scrape(url: string, format: "text" | "openmetrics" = "text"): Promise<Exposition> {
  const accept = format === "text"
    ? "text/plain;version=0.0.4"
    : "application/openmetrics-text;version=1.0.0";
  const response = await fetch(`${url}/metrics`, { headers: { accept } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}/metrics returned ${response.status}: ${text}`);
  const families = parseExposition(text);
  const declared = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const twice = declared.find((name, i) => declared.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`Two families are called ${twice}`);
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
