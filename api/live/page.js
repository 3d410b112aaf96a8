/** The live page: posts thoughts and follows them, and keeps tiles, plots and the list current. */
import { ApiError, call, follow, useKey } from "./api.js";
import { createList } from "./list.js";
import { createNotice } from "./notice.js";
import { createPlots } from "./plots.js";
import { drawThought } from "./thought.js";
import { drawStations, duration } from "./timeline.js";

const STATE_EVERY_MS = 2_000;
const LIST_EVERY_MS = 10_000;
const COUNT_EVERY_MS = 100;
/** Samples older than this are shown as old. */
const STALE_MS = 15_000;
/** Colour alone is not enough for everyone. */
const LEVELS = { info: "low", warn: "warning", critical: "critical" };

const byId = (id) => document.getElementById(id);
const drawPlots = createPlots();
const showNotice = createNotice({ box: byId("notice"), resume: byId("resume"), complain });
let monitored = false;

/** Grafana's address of a trace; undefined while there is none. */
function traceUrl() {
  if (!monitored) return undefined;
  return (traceId) => {
    const datasource = { type: "tempo", uid: "tempo" };
    const queries = [{ refId: "A", datasource, queryType: "traceql", query: traceId }];
    const panes = { trace: { datasource: "tempo", queries, range: { from: "now-1h", to: "now" } } };
    const query = new URLSearchParams({ schemaVersion: "1", orgId: "1", panes: JSON.stringify(panes) });
    return `http://${location.hostname}:${byId("grafana").dataset.port}/explore?${query}`;
  };
}

const list = createList({
  items: byId("recent"),
  empty: byId("recent-empty"),
  more: byId("more"),
  status: byId("status"),
  search: byId("search"),
  traceUrl,
  complain,
  async act(name, { id, text }) {
    if (name === "delete" && !confirm(`Delete this thought for good?\n\n${text.slice(0, 200)}`)) return;
    try {
      if (name === "delete") await call(`thoughts/${id}`, { method: "DELETE" });
      else await call(`thoughts/${id}/redrive`, { method: "POST" });
      await list.refresh(name === "delete" ? id : undefined);
    } catch (error) {
      complain(error);
    }
  },
});

/** One key for one draft: sent again after a lost reply, it is still one thought. */
let draftKey;

byId("post").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("[type=submit]");
  complain();
  button.disabled = true;
  draftKey ??= randomKey();
  try {
    const response = await call("thoughts", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": draftKey },
      body: JSON.stringify({ user_id: byId("user").value, text: byId("text").value }),
    });
    const { id } = await response.json();
    byId("text").value = "";
    draftChanged();
    showProgress(id);
    refreshList();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
});

byId("text").addEventListener("input", draftChanged);
byId("user").addEventListener("input", draftChanged);
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("post").requestSubmit();
});

byId("example").querySelector("button").addEventListener("click", (event) => {
  byId("text").value = event.target.dataset.text;
  draftChanged();
  byId("post").requestSubmit();
});

byId("key").addEventListener("change", () => {
  useKey(byId("key").value);
  showNotice(); // what it may tell and offer depends on the key
  complain();
  refreshList();
});

function draftChanged() {
  draftKey = undefined;
  const { max } = byId("counter").dataset;
  const count = [...byId("text").value].length;
  const over = count - Number(max);
  byId("counter").textContent = over > 0
    ? `${over.toLocaleString()} too many`
    : `${count.toLocaleString()} of ${Number(max).toLocaleString()} characters`;
  byId("counter").classList.toggle("over", over > 0);
}

/** Not `randomUUID`, which browsers give to pages over HTTPS and from localhost only. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

let following; // the stream of the displayed thought; a browser has few connections per host

async function showProgress(id) {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  byId("result").replaceChildren();
  byId("stations").replaceChildren();
  byId("progress").hidden = false;
  try {
    await follow(id, signal, (status, event) => signal.aborted || showStations(status, event.timeline));
    const thought = await (await call(`thoughts/${id}`)).json();
    if (signal.aborted) return;
    showStations(thought.status, thought.timeline);
    byId("result").replaceChildren(drawThought(thought, traceUrl()));
    if (thought.status === "failed") {
      byId("problem").textContent = `This thought could not be analysed: ${thought.error}`;
    }
    refreshList();
  } catch (error) {
    if (!signal.aborted) complain(error);
  }
}

let counting; // how long the thought on show has been at its present station

function showStations(status, timeline) {
  const stations = byId("stations");
  stations.dataset.status = status;
  stations.replaceChildren(...drawStations(timeline, status));
  byId("said").textContent = `The thought is ${status}`;
  clearInterval(counting);
  if (status !== "pending" && status !== "processing") return;
  const ms = stations.querySelector("[aria-current] .ms");
  const since = performance.now();
  counting = setInterval(() => ms.textContent = duration(performance.now() - since), COUNT_EVERY_MS);
}

async function refreshList() {
  try {
    await list.refresh();
  } catch (error) {
    // state() reports outages; here only a missing key needs the person.
    if (error.status === 401 || error.status === 403) complain(error);
  }
}

async function state() {
  try {
    const { tiles, history, notice, monitored: now } = await (await call("samples")).json();
    monitored = now;
    for (const [key, { value, level }] of Object.entries(tiles)) {
      const tile = byId(`tile-${key}`);
      tile.dataset.level = level;
      tile.querySelector(".value").textContent = value;
      tile.querySelector(".level").textContent = LEVELS[level] ?? "";
    }
    drawPlots(history);
    await showNotice(notice);
    const newest = history.at.at(-1);
    const old = newest !== undefined && Date.now() - newest > STALE_MS;
    showAge(old ? "These numbers are old: the database is not responding." : "");
    if (complaint?.status === 0) complain(); // it responds again
    for (const link of document.querySelectorAll("[data-port]")) {
      link.hidden = !monitored;
      link.href = `http://${location.hostname}:${link.dataset.port}`;
    }
  } catch {
    showAge("The API is not responding. This page tries again.");
  }
}

/** Says that the figures are old, and greys them; an empty text means that they are current. */
function showAge(text) {
  byId("stale").textContent = text;
  byId("tiles").classList.toggle("old", text !== "");
}

let complaint;

/** Shows an error beside the form; without one removes it. */
function complain(error) {
  if (error !== undefined && !(error instanceof ApiError)) throw error;
  complaint = error;
  byId("problem").textContent = error?.message ?? "";
  if (error?.status !== 401 || !byId("key-field").hidden) return;
  byId("key-field").hidden = false;
  byId("key").focus();
}

/** Repeats while the page is visible; one round ends before the next begins. */
async function keep(everyMs, run) {
  for (;;) {
    if (!document.hidden) await run();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
draftChanged();
keep(STATE_EVERY_MS, state);
keep(LIST_EVERY_MS, refreshList);
