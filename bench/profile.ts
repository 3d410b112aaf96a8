/** Where the processor time goes: a picture of an API and of a worker at full speed. */
import { type CpuProfile, flameGraph } from "./flame_graph.ts";
import type { MeasuredProcess } from "./measured_process.ts";

/** Microseconds between two samples. */
const INTERVAL_US = 200;

export interface Profile {
  /** The SVG. */
  readonly picture: string;
}

export interface ProfileOptions {
  /** What was measured, as the picture's title. */
  readonly title: string;
  /** Where the picture goes, beside V8's own file of the same name. */
  readonly path: string;
  /** @param flags for `deno run`, which make the process write its profile when it ends */
  readonly start: (flags: readonly string[]) => Promise<MeasuredProcess>;
  readonly load: (process: MeasuredProcess) => Promise<unknown>;
}

/** Writes `PATH.svg` and `PATH.cpuprofile`, which DevTools opens. */
export async function measureProfile({ title, path, start, load }: ProfileOptions): Promise<Profile> {
  const folder = await Deno.makeTempDir();
  try {
    // All permissions: the profile is written by the process itself.
    const flags = ["-A", "--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`];
    {
      await using process = await start(flags);
      await load(process);
    }
    const [written] = [...Deno.readDirSync(folder)];
    if (written === undefined) throw new Error("The process wrote no profile when it ended.");
    const text = await Deno.readTextFile(`${folder}/${written.name}`);
    const profile: CpuProfile = JSON.parse(text);
    const picture = `${path}.svg`;
    await Deno.writeTextFile(picture, flameGraph(profile, { title }));
    await Deno.writeTextFile(`${path}.cpuprofile`, text);
    return { picture };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
