import { saveChoice } from "../choice.ts";
import type { Declared } from "../docker/compose.ts";
import { lastLine } from "../docker/compose.ts";
import { builtImages, unobtainable } from "../doctor/images.ts";
import { doctorRows } from "../doctor/doctor.ts";
import { type LaunchFailure, missing } from "../failure.ts";
import { failuresOf, type PhaseResult, type Row, runPhase } from "../checklist.ts";
import { addressesOf, type Report } from "../output/report.ts";
import { grafanaLogin, observe, type Session } from "../context.ts";
import { startupRows } from "../docker/startup.ts";
import { prove, ready } from "./verify.ts";

/** Starts the stack, waits until it is healthy and seen by its monitoring, and proves it. */
export async function up(session: Session): Promise<Report> {
  const { host, home, view, asked, selection, compose, docker, choice } = session;
  const started = host.now();
  const phases: PhaseResult[] = [];
  const run = async (name: string, rows: readonly Row[], stopAtFirst = false) => {
    if (rows.length === 0) return true;
    const result = await runPhase(host, view, { name, rows, stopAtFirst });
    phases.push(result);
    return failuresOf(result).length === 0;
  };
  const report = (failures: readonly LaunchFailure[], more: Partial<Report> = {}): Report => ({
    verb: "up",
    seconds: (host.now() - started) / 1000,
    phases,
    failures,
    leftOut: selection.leftOut.map((s) => s.name),
    ...more,
  });
  const failed = () => report(phases.flatMap(failuresOf));

  if (!await run("doctor", doctorRows({ ...session, askRegistries: false }))) return failed();
  const declared = (await compose.config()).services.filter((s) =>
    selection.wanted.some((w) => w.name === s.name)
  );
  if (!await run("images", await imageRows(session, declared), true)) return failed();
  await saveChoice(home.choiceFile, choice);
  const startup = { host, compose, docker, selection, declared, deadlineMs: asked.timeoutMs };
  if (!await run("services", startupRows(startup), true)) return failed();

  const proven = await observe(session);
  const proof = asked.verify ? await prove(session, proven) : await ready(session, proven);
  phases.push(proof.phase);
  const addresses = addressesOf(proven.endpoints, await grafanaLogin(home));
  return report(failuresOf(proof.phase), { addresses, ...proof.trace });
}

/** Pulls what is missing and builds our own image; nothing to do gives no rows. */
async function imageRows(session: Session, declared: readonly Declared[]): Promise<Row[]> {
  const { docker, asked } = session;
  const ours = builtImages(declared);
  const absent = await docker.missing([...new Set(declared.map((s) => s.image))]);
  // Without a build, ours may be a released one (APP_IMAGE).
  const pulled = absent.filter((image) => !asked.build || !ours.has(image));
  return [
    ...pulled.map((image): Row => ({
      name: shortName(image),
      run: async ({ say, signal }) => {
        say("pulling");
        const why = await docker.pull(image, signal);
        if (why === undefined) return `pulled ${image}`;
        throw ours.has(image) ? notBuilt(image, why) : unobtainable([image], why, declared);
      },
    })),
    ...(asked.build ? [buildRow(session, [...ours].join(", "))] : []),
  ];
}

function buildRow({ compose }: Session, name: string): Row {
  return {
    name,
    run: async ({ say, signal }) => {
      say("building");
      const { code, stderr, timedOut } = await compose.build(signal);
      if (code === 0) return "built";
      throw missing("Our own image cannot be built", {
        cause: timedOut ? "it took too long" : lastLine(stderr),
        next: ["see it in full: docker compose build", "or use the image as it is: --no-build"],
        evidence: stderr.split("\n").filter((line) => line.trim() !== "").slice(-8),
      });
    },
  };
}

function notBuilt(image: string, why: string): LaunchFailure {
  return missing(`The image ${image} is not here`, {
    cause: `it was not built, --no-build forbids that, and pulling it gave: ${why}`,
    next: ["the same command without --no-build"],
  });
}

/** "grafana/loki:3.7.8" is "loki" in a table. */
function shortName(image: string): string {
  return image.split("/").at(-1)!.split(":")[0]!;
}
