/**
 * The notice above everything. It says who paused the workers and why, and offers to resume them, to those
 * who may.
 */
import { ApiError, call } from "./api.js";

/**
 * @param box the element that is shown, with a paragraph in it
 * @param resume its button
 * @returns shows a notice, as `samples` gives it; without one hides what is there
 */
export function createNotice({ box, resume, complain }) {
  let shown = ""; // which one, to request and announce it once

  resume.addEventListener("click", async () => {
    resume.disabled = true;
    try {
      await call("pause", { method: "DELETE" });
      resume.hidden = true;
      say("Resumed. The workers begin within seconds.");
    } catch (error) {
      complain(error);
    } finally {
      resume.disabled = false;
    }
  });

  function say(text) {
    box.querySelector("p").textContent = text;
  }

  return async (notice) => {
    const next = notice === undefined ? "" : `${notice.reason} ${notice.since}`;
    if (next === shown) return;
    shown = next;
    box.hidden = notice === undefined;
    resume.hidden = true;
    if (notice === undefined) return say("");
    const pause = notice.reason === "paused" ? await pauseInForce() : undefined;
    if (next !== shown) return;
    const time = timeOf(notice.since);
    const cause = pause === undefined
      ? `${notice.text} (since ${time}).`
      : `Paused by ${pause.author} since ${time}: “${pause.reason}”.`;
    say(`${cause} Thoughts are accepted and wait; none fails.`);
    resume.hidden = pause === undefined;
  };
}

/** The pause, if there is one and this caller may see it. */
async function pauseInForce() {
  try {
    const pause = await (await call("pause")).json();
    return pause.paused ? pause : undefined;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** The time, with the day unless it is today. */
function timeOf(since) {
  const time = new Date(since);
  return time.toDateString() === new Date().toDateString()
    ? time.toLocaleTimeString()
    : time.toLocaleString();
}
