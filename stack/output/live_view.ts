import type { WriteStream } from "node:tty";
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from "listr2";
import type { Outcome, PhaseResult, View } from "../checklist.ts";
import { summary } from "./plain_view.ts";
import { noteText, paint, type Paper, rowText, seconds } from "./text.ts";

/**
 * listr2 decides by stdout whether its live renderer may run; ours draws on stderr, so that stdout stays a pipe for
 * results. The launcher has looked at stderr already when it picks this view.
 */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** A table that is redrawn in place, with a spinner for each row that is under way. */
export function liveView(stream: WriteStream, paper: () => Paper): View {
  let rows = new Map<string, LiveRow>();
  let heading = new LiveRow();
  let drawing: Promise<unknown> = Promise.resolve();

  return {
    start(phase, names) {
      rows = new Map(names.map((name) => [name, new LiveRow()]));
      heading = new LiveRow();
      const tasks = names.map((name) => ({
        title: rowText(paper(), { name, text: "waiting", seconds: 0 }),
        task: (_: unknown, task: Titled) => rows.get(name)!.attach(task),
      }));
      const list = new Listr([{
        title: phase,
        task: (_, task) => {
          heading.attach(task);
          return task.newListr(tasks, { concurrent: true, exitOnError: false });
        },
      }], {
        renderer: StderrRenderer as unknown as typeof DefaultRenderer,
        // Ctrl-C is the launcher's: listr2 would end the process with 127.
        registerSignalListeners: false,
        exitOnError: false,
        rendererOptions: {
          collapseSubtasks: false,
          formatOutput: "truncate",
          logger: logger(stream),
          ...look(paper),
        },
      });
      drawing = list.run();
    },
    update: (name, text, secs) => rows.get(name)?.title(rowText(paper(), { name, text, seconds: secs })),
    finish: (row) => {
      const notes = row.notes.map((note) => noteText(paper(), note));
      rows.get(row.name)?.settle(row.outcome, rowText(paper(), row), notes);
    },
    async end(result: PhaseResult) {
      heading.title(
        `${result.name}  ${paint(paper(), "dim", `${summary(result)}, ${seconds(result.seconds)}`)}`,
      );
      await drawing;
    },
  };
}

interface Titled {
  title: string | undefined;
  skip(message?: string): void;
}

/** A task of listr2 that somebody else settles. It may be settled before listr2 has got round to starting it. */
class LiveRow {
  readonly #settled = Promise.withResolvers<(task: Titled) => void>();
  #task: Titled | undefined;
  #title: string | undefined;

  async attach(task: Titled): Promise<void> {
    this.#task = task;
    if (this.#title) task.title = this.#title;
    (await this.#settled.promise)(task);
  }

  title(title: string): void {
    this.#title = title;
    if (this.#task) this.#task.title = title;
  }

  settle(outcome: Outcome, text: string, notes: readonly string[]): void {
    this.title([text, ...notes].join("\n"));
    this.#settled.resolve((task) => {
      if (outcome === "failed") throw new Error(text);
      if (outcome === "skipped") task.skip(text);
    });
  }
}

function logger(stream: WriteStream): ListrLogger {
  return new ListrLogger({ processOutput: new ProcessOutput(stream, stream), useIcons: true });
}

function look(paper: () => Paper) {
  const ink = (style: Parameters<typeof paint>[1]) => (text?: string) => paint(paper(), style, text ?? "");
  return {
    icon: { FAILED: "✖", SKIPPED_WITH_COLLAPSE: "–", COMPLETED_WITH_FAILED_SUBTASKS: "✖" },
    color: {
      PENDING: ink("cyan"),
      COMPLETED: ink("green"),
      FAILED: ink("red"),
      SKIPPED_WITH_COLLAPSE: ink("dim"),
      COMPLETED_WITH_FAILED_SUBTASKS: ink("red"),
    },
  };
}
