/** The list of recent thoughts: paged, searched, filtered by status, kept current. */
import { call } from "./api.js";
import { drawItem } from "./thought.js";

const PAGE = 10;
/** Thoughts in one page of the API, at most. */
const MOST = 100;
/** A search begins when typing has paused for this long. */
const TYPING_MS = 300;

/**
 * @param options.traceUrl a trace's address by its id; undefined if nothing shows traces
 * @param options.act called with "delete" or "retry" and the thought
 * @returns `refresh`, given the id of a thought that was just deleted, if any; throws ApiErrors
 */
export function createList({ items, empty, more, status, search, traceUrl, act, complain }) {
  let thoughts = [];
  let next = null;
  let turn = 0; // a slow response does not replace a newer one

  const words = () => search.value.trim();

  async function fetchPage(limit, cursor) {
    const query = new URLSearchParams({ limit: String(Math.min(limit, MOST)) });
    if (status.value !== "") query.set("status", status.value);
    if (words() !== "") query.set("q", words());
    if (cursor) query.set("cursor", cursor);
    return await (await call(`thoughts?${query}`)).json();
  }

  async function refresh(deleted) {
    const mine = ++turn;
    thoughts = thoughts.filter(({ id }) => id !== deleted);
    const page = await fetchPage(Math.max(PAGE, thoughts.length));
    if (mine !== turn) return;
    const last = page.thoughts.at(-1)?.id;
    // Later pages stay as they were fetched. A search's first page may be empty.
    const older = page.next_cursor === null ? [] : thoughts.filter(({ id }) => !last || id < last);
    if (older.length === 0) next = page.next_cursor;
    thoughts = [...page.thoughts, ...older];
    draw();
  }

  async function showMore() {
    const mine = ++turn;
    const page = await fetchPage(PAGE, next);
    if (mine !== turn) return;
    thoughts = [...thoughts, ...page.thoughts];
    next = page.next_cursor;
    draw();
  }

  function draw() {
    const open = new Set(
      [...items.querySelectorAll("details[open]")].map(({ parentElement }) => parentElement.id),
    );
    const focused = document.activeElement?.closest("li");
    const wanted = focused && items.contains(focused) ? focused.id : undefined;
    items.replaceChildren(...thoughts.map((thought) => drawItem(thought, traceUrl(), act)));
    for (const id of open) document.getElementById(id)?.querySelector("details").setAttribute("open", "");
    if (wanted) document.getElementById(wanted)?.querySelector("summary").focus();
    empty.hidden = thoughts.length > 0;
    empty.textContent = emptyText();
    more.hidden = next === null;
  }

  function emptyText() {
    if (words() === "") {
      return status.value === "" ? "None yet. Post the first one." : `None is ${status.value}.`;
    }
    const which = status.value === "" ? "" : ` ${status.value}`;
    if (next !== null) return `None of the newest${which} thoughts has these words. More looks further.`;
    return `No${which} thought has these words.`;
  }

  function startOver() {
    thoughts = [];
    refresh().catch(complain);
  }

  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(startOver, TYPING_MS);
  });
  more.addEventListener("click", () => showMore().catch(complain));
  status.addEventListener("change", startOver);
  return { refresh };
}
