/** A table that is redrawn in place, with a spinner for each running check. */
import type { WriteStream } from "node:tty";
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from "listr2";
import type { ChecklistResult, CheckResult, Outcome, View } from "../checklist.ts";
import { COLOUR, GLYPH, noteText, paint, rowText, seconds, type Terminal } from "./format.ts";
import { summary } from "./plain_view.ts";

/**
 * listr2 decides by stdout whether its live renderer may run; ours draws on stderr, since stdout is for
 * results. The launcher has checked stderr already when it picks this view.
 */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

export function liveView(stream: WriteStream, terminal: () => Terminal): View {
  let rows = new Map<string, Row>();
  let heading = createRow();
  let drawing: Promise<unknown> = Promise.resolve();

  return {
    start(checklist, names) {
      rows = new Map(names.map((name) => [name, createRow()]));
      heading = createRow();
      const tasks = names.map((name) => ({
        title: rowText(terminal(), { name, text: "waiting", seconds: 0 }),
        task: (_: unknown, task: ListrTask) => rows.get(name)!.attach(task),
      }));
      const list = new Listr([{
        title: checklist,
        task: (_, task) => {
          void heading.attach(task);
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
          logger: new ListrLogger({ processOutput: new ProcessOutput(stream, stream), useIcons: true }),
          ...theme(terminal),
        },
      });
      drawing = list.run();
    },
    update: (name, text, secs) =>
      rows.get(name)?.setTitle(rowText(terminal(), { name, text, seconds: secs })),
    finish: (check) => {
      const notes = check.notes.map((note) => noteText(terminal(), note));
      const text = [withGlyph(terminal(), check.outcome, rowText(terminal(), check)), ...notes].join("\n");
      rows.get(check.name)?.settle(text);
    },
    async end(result: ChecklistResult) {
      const counts = paint(terminal(), "dim", `${summary(result)}, ${seconds(result.seconds)}`);
      heading.settle(withGlyph(terminal(), worstOf(result.checks), `${result.name}  ${counts}`));
      await drawing;
    },
  };
}

/** The outcome of a checklist as a whole. */
function worstOf(checks: readonly CheckResult[]): Outcome {
  const has = (outcome: Outcome) => checks.some((check) => check.outcome === outcome);
  if (has("failed")) return "failed";
  if (has("warn")) return "warn";
  return has("skipped") && !has("ok") ? "skipped" : "ok";
}

/** listr2 has no warnings, so the glyphs are ours, in the title. */
function withGlyph(terminal: Terminal, outcome: Outcome, text: string): string {
  return `${paint(terminal, COLOUR[outcome], GLYPH[outcome])} ${text}`;
}

/** The part of a listr2 task that a row needs. */
interface ListrTask {
  title: string | undefined;
}

type Row = ReturnType<typeof createRow>;

/** A task of listr2 that a check settles. It may be settled before listr2 has started it. */
function createRow() {
  const settled = Promise.withResolvers<void>();
  let task: ListrTask | undefined;
  let title: string | undefined;

  function setTitle(text: string): void {
    title = text;
    if (task) task.title = text;
  }

  async function attach(started: ListrTask): Promise<void> {
    task = started;
    if (title) task.title = title;
    await settled.promise;
  }

  function settle(text: string): void {
    setTitle(text);
    settled.resolve();
  }

  return { attach, setTitle, settle };
}

function theme(terminal: () => Terminal) {
  const ink = (style: Parameters<typeof paint>[1]) => (text?: string) => paint(terminal(), style, text ?? "");
  return {
    icon: { COMPLETED: "" },
    color: { PENDING: ink("cyan") },
  };
}
