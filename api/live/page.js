/** The live page: posts thoughts and follows them, and keeps tiles, plots and the list current. */
import { ApiError, call, follow, useKey } from "./api.js";
import { createPlots } from "./plots.js";
import { drawResult, drawThought } from "./thought.js";

const STATE_EVERY_MS = 2_000;
const LIST_EVERY_MS = 10_000;
const LISTED = 10;
/** Colour alone tells not everybody. */
const LEVELS = { info: "low", warn: "warning", critical: "critical" };

const byId = (id) => document.getElementById(id);
const drawPlots = createPlots();

byId("post").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  byId("problem").textContent = "";
  button.disabled = true;
  try {
    const response = await call("thoughts", {
      method: "POST",
      // Pressed twice, or sent again by a browser, it is still one thought.
      headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
      body: JSON.stringify({ user_id: byId("user").value, text: byId("text").value }),
    });
    const { id } = await response.json();
    byId("text").value = "";
    showProgress(id);
    list();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
});

byId("key").addEventListener("change", () => {
  useKey(byId("key").value);
  byId("problem").textContent = "";
  list();
});

byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("post").requestSubmit();
});

let shown; // the thought whose progress is on show

async function showProgress(id) {
  shown = id;
  byId("result").replaceChildren();
  byId("progress").hidden = false;
  byId("steps").dataset.status = "";
  try {
    await follow(id, (status) => shown === id && showStatus(status));
    const thought = await (await call(`thoughts/${id}`)).json();
    if (shown !== id) return;
    if (thought.result !== null) byId("result").replaceChildren(drawResult(thought.result));
    else byId("problem").textContent = `This thought could not be analysed: ${thought.error}`;
    list();
  } catch (error) {
    complain(error);
  }
}

function showStatus(status) {
  const steps = [...byId("steps").children];
  const last = steps.at(-1);
  last.dataset.step = last.textContent = status === "failed" ? "failed" : "completed";
  const reached = steps.findIndex((step) => step.dataset.step === status);
  steps.forEach((step, index) => {
    step.classList.toggle("reached", index <= reached);
    if (index === reached) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
  byId("steps").dataset.status = status;
  byId("said").textContent = `The thought is ${status}`;
}

async function list() {
  try {
    const { thoughts } = await (await call(`thoughts?limit=${LISTED}`)).json();
    const recent = byId("recent");
    const open = new Set(
      [...recent.querySelectorAll("details[open]")].map((details) => details.parentElement.id),
    );
    const focused = document.activeElement?.closest("#recent li")?.id;
    recent.replaceChildren(...thoughts.map(drawThought));
    for (const id of open) byId(id)?.querySelector("details").setAttribute("open", "");
    if (focused !== undefined) byId(focused)?.querySelector("summary").focus();
    byId("recent-empty").hidden = thoughts.length > 0;
  } catch (error) {
    // An outage is said by state(); here only a missing key needs the person.
    if (error.status === 401) complain(error);
  }
}

async function state() {
  try {
    const { tiles, history, monitored } = await (await call("samples")).json();
    for (const [key, { value, level }] of Object.entries(tiles)) {
      const tile = byId(`tile-${key}`);
      tile.dataset.level = level;
      tile.querySelector(".value").textContent = value;
      tile.querySelector(".level").textContent = LEVELS[level] ?? "";
    }
    drawPlots(history);
    const newest = history.at.at(-1);
    const old = newest !== undefined && Date.now() - newest > 15_000;
    byId("stale").textContent = old ? "These numbers are old: the database does not answer." : "";
    for (const link of document.querySelectorAll("[data-port]")) {
      link.hidden = !monitored;
      link.href = `http://${location.hostname}:${link.dataset.port}`;
    }
  } catch {
    byId("stale").textContent = "The API does not answer. This page tries again.";
  }
}

function complain(error) {
  if (!(error instanceof ApiError)) throw error;
  byId("problem").textContent = error.message;
  if (error.status !== 401 || !byId("key-row").hidden) return;
  byId("key-row").hidden = false;
  byId("key").focus();
}

/** Repeats while the page can be seen; one round ends before the next begins. */
async function keep(everyMs, run) {
  for (;;) {
    if (!document.hidden) await run();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
keep(STATE_EVERY_MS, state);
keep(LIST_EVERY_MS, list);
