/**
 * What the launcher's process answers with. The numbers are part of its interface: scripts and CI tell the ways
 * to fail apart by them.
 */
export const EXIT = {
  fine: 0,
  bug: 1,
  usage: 2,
  prerequisite: 3,
  service: 4,
  target: 5,
  proof: 6,
  drill: 7,
  interrupted: 130,
} as const;

export type FailureKind = Exclude<keyof typeof EXIT, "fine">;

/** What each exit code means, in one line; `--help` and the docs print this table. */
export const EXIT_MEANING: Record<keyof typeof EXIT, string> = {
  fine: "everything that was asked for is up, and proven unless --no-verify",
  bug: "an error nobody foresaw: please report it",
  usage: "unknown verb, flag or service",
  prerequisite: "Docker, Compose, a port, an image, disk or .env is missing",
  service: "a service failed to start, or runs no longer",
  target: "a Prometheus target stayed down",
  proof: "everything runs, but the proof thought did not come through",
  drill: "a drill may not run here, or its alert did not come or go as it must",
  interrupted: "Ctrl-C",
};

export interface FailureText {
  /** What went wrong, in one line. */
  what: string;
  /** Why, as far as it is known. */
  cause?: string;
  /** What the person can do now, one step a line. */
  next: readonly string[];
  /** Verbatim lines of somebody else that show it: a log's tail, an error of Docker. */
  evidence?: readonly string[];
}

/** A failure that a person can act on. It ends the run with `EXIT[kind]`. */
export class LaunchFailure extends Error {
  readonly why: string | undefined;
  readonly next: readonly string[];
  readonly evidence: readonly string[];

  constructor(readonly kind: FailureKind, text: FailureText) {
    super(text.what);
    this.name = "LaunchFailure";
    this.why = text.cause;
    this.next = text.next;
    this.evidence = text.evidence ?? [];
  }
}

/** A failure for something the machine lacks. */
export function missing(what: string, text: Omit<FailureText, "what">): LaunchFailure {
  return new LaunchFailure("prerequisite", { what, ...text });
}
