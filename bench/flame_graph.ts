/** A CPU profile as a picture: each row is called by the row above it, and as wide as its share of the time. */

/** What V8 writes: `.cpuprofile`, of the Chrome DevTools protocol. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  /** The node of each sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** A function in one place of the call tree. */
interface Frame {
  readonly name: string;
  readonly origin: Origin;
  readonly children: Map<string, Frame>;
  /** With all that it called, in microseconds. */
  us: number;
}

type Origin = keyof typeof COLOURS;

/** Told apart by the colour-blind too (Okabe and Ito, https://jfly.uni-koeln.de/color/). */
const COLOURS = {
  "this project": "#56b4e9",
  packages: "#e69f00",
  runtime: "#bbbbbb",
  "garbage collection": "#cc79a7",
};
const WIDTH = 1_200;
const ROW = 18;
const HEAD = 54;
const MAX_ROWS = 28;
/** A narrower frame is left out. */
const MIN_WIDTH = 1;
const CHAR_WIDTH = 6.2;
/** A sample that stands for longer was taken when the process had been stopped, or had nothing to do. */
const MAX_SAMPLE_US = 5_000;

/** @returns an SVG of 1,200 pixels' width, without the time in which there was nothing to do */
export function flameGraph(profile: CpuProfile, { title }: { readonly title: string }): string {
  const root = toTree(profile);
  const rectangles: string[] = [];
  let rows = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = frame.us / root.us * WIDTH;
    if (width < MIN_WIDTH || depth >= MAX_ROWS) return;
    rows = Math.max(rows, depth + 1);
    const y = HEAD + depth * ROW;
    const share = `${(100 * frame.us / root.us).toFixed(1)} %`;
    const fits = Math.floor((width - 6) / CHAR_WIDTH);
    const label = frame.name.length <= fits
      ? frame.name
      : fits > 4
      ? `${frame.name.slice(0, fits - 1)}…`
      : "";
    rectangles.push(
      `<g><title>${escape(`${frame.name}: ${share}`)}</title><rect x="${x.toFixed(1)}" y="${y}" ` +
        `width="${Math.max(width - 0.5, 0.5).toFixed(1)}" height="${ROW - 1}" fill="${
          COLOURS[frame.origin]
        }"/>` +
        `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escape(label)}</text></g>`,
    );
    let left = x;
    for (const child of [...frame.children.values()].toSorted((one, other) => other.us - one.us)) {
      draw(child, left, depth + 1);
      left += child.us / root.us * WIDTH;
    }
  };
  draw(root, 0, 0);
  const legend = Object.entries(COLOURS).map(([origin, colour], at) =>
    `<rect x="${at * 180}" y="30" width="12" height="12" fill="${colour}"/><text x="${
      at * 180 + 18
    }" y="41">${origin}</text>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEAD + rows * ROW + 4}" ` +
    `font-family="monospace" font-size="10.5"><rect width="100%" height="100%" fill="white"/>` +
    `<text x="0" y="18" font-size="14">${escape(title)}</text>${legend.join("")}${
      rectangles.join("")
    }</svg>\n`;
}

function toTree({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const root: Frame = {
    name: "all of the processor time of the main thread",
    origin: "runtime",
    children: new Map(),
    us: 0,
  };
  samples.forEach((sample, at) => {
    const us = timeDeltas[at]!;
    if (us > MAX_SAMPLE_US || byId.get(sample)!.callFrame.functionName === "(idle)") return;
    const stack: number[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) stack.push(id);
    let frame = root;
    root.us += us;
    for (const id of stack.toReversed().slice(1)) {
      const { functionName, url } = byId.get(id)!.callFrame;
      const name = `${functionName || "(anonymous)"} ${shortened(url)}`.trim();
      let child = frame.children.get(name);
      if (child === undefined) {
        child = { name, origin: originOf(functionName, url), children: new Map(), us: 0 };
        frame.children.set(name, child);
      }
      child.us += us;
      frame = child;
    }
  });
  return root;
}

function originOf(functionName: string, url: string): Origin {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (!url.startsWith("file:")) return "runtime";
  return url.includes("/npm/") || url.includes("/node_modules/") ? "packages" : "this project";
}

/** A package's name for a file of it, a path in the project for one of ours. */
function shortened(url: string): string {
  const packaged = /\/(?:npm\/[^/]+|node_modules)\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
  if (packaged) return packaged[1]!;
  return url.replace(new URL("..", import.meta.url).href, "");
}

const escape = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
