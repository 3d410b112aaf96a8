/** Draws thoughts and results. Everything a person or a model wrote goes in as text, never as HTML. */

/** Makes an element: attributes by name, then children, which are elements or text. */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A result in its five parts. */
export function drawResult({ classification, analysis, value, actions, priority }) {
  const part = (title, ...children) => [el("dt", {}, title), el("dd", {}, ...children)];
  const { type, urgency, tone } = classification;
  const impact = Object.entries(value).map(([dimension, weight]) =>
    `${dimension} ${weight > 0 ? "+" : ""}${weight}`
  );
  return el(
    "dl",
    { class: "result" },
    ...part("Classification", `${type}, urgency ${urgency}, ${tone}`),
    ...part(
      "Analysis",
      analysis.summary,
      ...(analysis.keywords.length === 0
        ? []
        : [el("div", { class: "quiet" }, analysis.keywords.join(", "))]),
    ),
    ...part("Value", impact.join(", ") || "none found"),
    ...part("Actions", el("ol", {}, ...actions.map((action) => el("li", {}, action)))),
    ...part("Priority", `${priority.level} (${priority.score} of 100): ${priority.reason}`),
  );
}

/** One line of the list; opens to the result. */
export function drawThought({ id, text, user_id, status, result, error, created_at }) {
  const summary = el(
    "summary",
    {},
    el("span", { class: `status ${status}` }, status),
    " ",
    el("span", { class: "text" }, text.length > 160 ? `${text.slice(0, 160)}…` : text),
    " ",
    el(
      "span",
      { class: "quiet" },
      [user_id, new Date(created_at).toLocaleTimeString(), result && `${result.priority.level} priority`]
        .filter(Boolean).join(" · "),
    ),
  );
  const inside = result ? drawResult(result) : el("p", { class: "quiet" }, error ?? "Not analysed yet.");
  return el("li", { id: `thought-${id}` }, el("details", {}, summary, inside));
}
