/** Draws a thought's progress: the stations it passes, and the time at each. */
import { el } from "./element.js";

/**
 * @param timeline as the API returns it
 * @param status "completed" and "failed" have a last station of their own
 * @returns the stations as items of a list; the present one has `aria-current`, and an empty `.ms` while it
 * lasts
 */
export function drawStations(timeline, status) {
  const stations = stationsOf(timeline, status);
  const over = status === "completed" || status === "failed";
  const present = over ? stations.length - 1 : stations.findLastIndex(({ from }) => from !== null);
  return stations.map(({ name, from, until }, at) => {
    const took = from === null || until === null ? "" : duration(Date.parse(until) - Date.parse(from));
    const reached = over || at <= present;
    return el(
      "li",
      { ...(reached ? { class: "reached" } : {}), ...(at === present ? { "aria-current": "step" } : {}) },
      el("span", {}, name),
      el("span", { class: "ms" }, took),
    );
  });
}

/** A duration for people: "12 ms", "3.4 s", "2 min". */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** A station's time is from when the thought reached it until it left; null if that is not known (yet). */
function stationsOf(timeline, status) {
  const { accepted_at, queued_at, published_at, claimed_at, analysed_at, analysed_by, finished_at } =
    timeline;
  const retried = queued_at !== accepted_at;
  const failed = status === "failed";
  return [
    { name: "Accepted", from: accepted_at, until: retried ? queued_at : null },
    { name: "Outbox", from: queued_at, until: published_at },
    { name: "Queue", from: published_at, until: claimed_at },
    {
      name: analysed_by === "cache" ? "Cache" : "Analyser",
      from: claimed_at,
      until: failed ? finished_at : analysed_at,
    },
    { name: failed ? "Failed" : "Stored", from: analysed_at, until: finished_at },
  ];
}
