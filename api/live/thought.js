/** Draws thoughts and results. Everything a person or a model wrote is inserted as text, never as HTML. */
import { el } from "./element.js";
import { drawStations, duration } from "./timeline.js";

/** Characters of a text that a closed list item shows. */
const SHOWN_CHARS = 160;

/** A thought with what became of it: the text, and the result in its five parts or why there is none. */
export function drawThought(thought, traceUrl) {
  const { text, context, result, error } = thought;
  const parts = [el("blockquote", { dir: "auto" }, text)];
  if (context !== null && context !== undefined) {
    parts.push(el("p", { class: "quiet", dir: "auto" }, context));
  }
  if (result) parts.push(drawResult(result));
  else parts.push(el("p", { class: "quiet", dir: "auto" }, error ?? "Not analysed yet."));
  parts.push(drawFacts(thought, traceUrl));
  return el("div", { class: "thought" }, ...parts);
}

function drawResult({ classification, analysis, value, actions, priority }) {
  const part = (title, ...children) => [el("dt", {}, title), el("dd", { dir: "auto" }, ...children)];
  const { type, urgency, tone } = classification;
  return el(
    "dl",
    { class: "result" },
    ...part(
      "Priority",
      el("span", { class: `priority ${priority.level}` }, priority.level),
      ` ${priority.score} of 100 `,
      bar(priority.score / 100, `priority ${priority.level}`),
      el("div", {}, priority.reason),
    ),
    ...part("Actions", el("ol", {}, ...actions.map((action) => el("li", { dir: "auto" }, action)))),
    ...part("Classification", `${type}, urgency ${urgency}, ${tone}`),
    ...part(
      "Analysis",
      analysis.summary,
      ...(analysis.keywords.length === 0
        ? []
        : [el("div", { class: "quiet" }, analysis.keywords.join(", "))]),
    ),
    ...part("Value", ...drawValue(value)),
  );
}

function drawValue(value) {
  const dimensions = Object.entries(value).toSorted(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  if (dimensions.length === 0) return ["none found"];
  return dimensions.map(([dimension, weight]) =>
    el(
      "div",
      { class: "dimension" },
      el("span", {}, dimension),
      bar(Math.abs(weight), weight < 0 ? "harm" : "gain"),
      el("span", { class: "weight" }, `${weight > 0 ? "+" : ""}${weight}`),
    )
  );
}

/** A bar filled to a share, 0 to 1. The number is beside it, so it is hidden from screen readers. */
function bar(share, kind) {
  const filled = el("span", { class: "filled" });
  filled.style.width = `${Math.round(100 * share)}%`;
  return el("span", { class: `bar ${kind}`, "aria-hidden": "true" }, filled);
}

function drawFacts({ user_id, created_at, finished_at, attempts, trace_id }, traceUrl) {
  const facts = el("p", { class: "facts quiet" }, el("bdi", {}, user_id), " · ", drawTime(created_at));
  if (finished_at) facts.append(` · took ${duration(Date.parse(finished_at) - Date.parse(created_at))}`);
  if (attempts > 1) facts.append(` · ${attempts} attempts`);
  if (trace_id && traceUrl) facts.append(" · ", el("a", { href: traceUrl(trace_id) }, "its trace"));
  return facts;
}

function drawTime(iso) {
  const shown = new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: iso }, shown);
}

/** An item of the list; opens to the whole thought. `act` is called with "delete" or "retry". */
export function drawItem(thought, traceUrl, act) {
  const { id, text, status, result, created_at, timeline } = thought;
  const characters = [...text];
  const shown = characters.length > SHOWN_CHARS ? `${characters.slice(0, SHOWN_CHARS).join("")}…` : text;
  const meta = el("span", { class: "meta quiet" }, drawTime(created_at));
  if (result) {
    meta.append(" ", el("span", { class: `priority ${result.priority.level}` }, result.priority.level));
  }
  const summary = el(
    "summary",
    {},
    el("span", { class: `status ${status}` }, status),
    " ",
    el("span", { class: "text", dir: "auto" }, shown),
    meta,
  );
  const button = (name, title) => {
    const made = el("button", { type: "button", class: "secondary" }, title);
    made.addEventListener("click", () => act(name, thought));
    return made;
  };
  const actions = el("div", { class: "item-actions" }, button("delete", "Delete"));
  if (status === "failed") actions.prepend(button("retry", "Retry"));
  return el(
    "li",
    { id: `thought-${id}` },
    el(
      "details",
      {},
      summary,
      el(
        "ol",
        { class: "stations", "data-status": status, "aria-label": "Its way" },
        ...drawStations(timeline, status),
      ),
      drawThought(thought, traceUrl),
      actions,
    ),
  );
}
