import { lastLine } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import { failuresOf, runPhase } from "../checklist.ts";
import type { Report } from "../output/report.ts";
import type { Session } from "../context.ts";

/** Stops the stack and removes its containers, and its data only when asked to. */
export async function down({ host, view, compose, asked, selection }: Session): Promise<Report> {
  const phase = await runPhase(host, view, {
    name: "down",
    rows: [{
      name: "containers",
      run: async ({ say }) => {
        const before = await compose.ps();
        say(`stopping ${before.length}`);
        let output = await compose.down(asked.volumes);
        // Docker may still be taking the last container off a network when Compose removes that; a moment later it works.
        if (output.code !== 0 && /active endpoints/.test(output.stderr)) {
          output = await compose.down(asked.volumes);
        }
        if (output.code !== 0) {
          throw new LaunchFailure("service", {
            what: "The stack could not be stopped",
            cause: output.timedOut ? "it took too long" : lastLine(output.stderr),
            next: ["try again", "or: docker compose --profile monitoring kill"],
          });
        }
        const data = asked.volumes ? "all data deleted" : "the data is kept (--volumes deletes it)";
        return before.length === 0 ? `none was there; ${data}` : `${before.length} removed; ${data}`;
      },
    }],
  });
  return {
    verb: "down",
    seconds: phase.seconds,
    phases: [phase],
    failures: failuresOf(phase),
    leftOut: selection.leftOut.map((s) => s.name),
  };
}
