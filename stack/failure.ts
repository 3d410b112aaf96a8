/** The ways the launcher fails: exit codes, and failures that a person can act on. */

/** Exit codes. They are part of the launcher's interface: scripts and CI tell failures apart by them. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  prerequisite: 3,
  service: 4,
  target: 5,
  proof: 6,
  drill: 7,
  interrupted: 130,
} as const;

export type FailureKind = Exclude<keyof typeof EXIT, "ok">;

/** What each exit code means, in one line; `--help` prints this table. */
export const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "everything requested is up, and proven unless --no-verify",
  bug: "an unexpected error: please report it",
  usage: "unknown verb, flag, service or value",
  prerequisite: "Docker, Compose, a port, an image, disk space or .env is missing",
  service: "a service failed to start, or stopped running",
  target: "a Prometheus target stayed down",
  proof: "everything runs, but the proof thought did not come through",
  drill: "a drill was refused, or its alert did not fire or resolve",
  interrupted: "Ctrl-C",
};

/**
 * One thing a person can do now: a sentence; a command of this launcher and its purpose; or another task of a
 * checkout, which a packed launcher leaves out.
 */
export type Step =
  | string
  | { readonly text: string; readonly verb: string }
  | { readonly text: string; readonly task: string };

export interface FailureText {
  /** What went wrong, in one line. */
  readonly what: string;
  /** Why, as far as known. */
  readonly cause?: string | undefined;
  readonly next: readonly Step[];
  /** Verbatim lines of another program that show it: the end of a log, an error of Docker. */
  readonly evidence?: readonly string[];
}

/** A failure that a person can act on. It ends the run with `EXIT[kind]`. */
export class LaunchFailure extends Error {
  override name = "LaunchFailure";
  readonly why: string | undefined;
  readonly next: readonly Step[];
  readonly evidence: readonly string[];

  constructor(readonly kind: FailureKind, text: FailureText) {
    super(text.what);
    this.why = text.cause;
    this.next = text.next;
    this.evidence = text.evidence ?? [];
  }
}

/** A failure for something that this machine lacks. */
export function prerequisite(what: string, text: Omit<FailureText, "what">): LaunchFailure {
  return new LaunchFailure("prerequisite", { what, ...text });
}
