/** Parses PromQL by Prometheus's own grammar: metrics, labels, windows, limits. */
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

export interface Selector {
  readonly metric: string;
  /** Label → matcher value. */
  readonly labels: ReadonlyMap<string, string>;
  /** The functions that it is an argument of, innermost first; of an aggregation, `sum` and the like. */
  readonly within: readonly string[];
}

export interface PromQL {
  /** Pieces that do not parse. */
  readonly errors: readonly string[];
  readonly selectors: readonly Selector[];
  /** Labels of by, on, ignoring, group_left. */
  readonly groupings: readonly string[];
  /** Range windows and subquery ranges, as written: `5m`. */
  readonly windows: readonly string[];
  /** Number literals on the right of a comparison. */
  readonly limits: readonly { readonly op: string; readonly value: number }[];
  /** First arguments of histogram_quantile and the metrics inside. */
  readonly quantiles: readonly { readonly metrics: readonly string[] }[];
}

export function parsePromQL(expr: string): PromQL {
  const text = (node: SyntaxNode) => expr.slice(node.from, node.to);
  const all = (name: string, within: SyntaxNode = top) => descendants(within).filter((n) => n.name === name);
  const top = parser.parse(expr).topNode;

  const selectors = all("VectorSelector").map((node) => {
    const labels = new Map<string, string>();
    for (const matcher of all("UnquotedLabelMatcher", node)) {
      const value = matcher.getChild("StringLiteral");
      labels.set(text(matcher.firstChild!), value === null ? "" : text(value).slice(1, -1));
    }
    const name = node.getChild("Identifier");
    return { metric: name === null ? "" : text(name), labels, within: callsAround(node).map(text) };
  });

  const limits = all("BinaryExpr").flatMap((node) => {
    const op = ["Gtr", "Gte", "Lss", "Lte", "Eql", "Neq"].map((n) => node.getChild(n)).find((n) =>
      n !== null
    );
    const value = op === undefined ? undefined : Number(text(node.lastChild!));
    return op === undefined || value === undefined || Number.isNaN(value) ? [] : [{ op: text(op), value }];
  });

  return {
    errors: descendants(top).filter((n) => n.type.isError).map((n) =>
      `at ${n.from}: ${expr.slice(n.from, n.from + 20)}`
    ),
    selectors,
    groupings: all("GroupingLabels").flatMap((node) => all("LabelName", node).map(text)),
    windows: all("MatrixSelector").map((node) => text(node).match(/\[(.+)\]$/)?.[1] ?? ""),
    limits,
    quantiles: all("FunctionCall")
      .filter((node) => text(node).startsWith("histogram_quantile"))
      .map((node) => ({
        metrics: all("VectorSelector", node).map((n) => n.getChild("Identifier")).filter((n) => n !== null)
          .map(text),
      })),
  };
}

/** Names of the metrics and recorded series that an expression reads, each once. */
export function metricsOf(expr: string): string[] {
  return [...new Set(parsePromQL(expr).selectors.map(({ metric }) => metric).filter((name) => name !== ""))];
}

/** The names of the functions and aggregations around a node, innermost first. */
function callsAround(node: SyntaxNode): SyntaxNode[] {
  const names: SyntaxNode[] = [];
  for (let around = node.parent; around !== null; around = around.parent) {
    if (around.name === "FunctionCall" || around.name === "AggregateExpr") names.push(around.firstChild!);
  }
  return names;
}

/** Every node under one, depth first. */
export function descendants(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    found.push(child, ...descendants(child));
  }
  return found;
}

/** A window such as `5m` or `1d`, in seconds. */
export function windowSeconds(window: string): number {
  const match = window.match(/^(\d+)([smhd])$/);
  if (match === null) {
    throw new SyntaxError(`Cannot read the window "${window}": write it as 30s, 5m, 6h or 3d`);
  }
  return Number(match[1]) * { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] as "s" | "m" | "h" | "d"];
}
