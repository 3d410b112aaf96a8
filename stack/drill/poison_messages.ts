/** Sends messages that no worker can read. */
import { THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { lastLine } from "../docker/compose.ts";
import { type Fault, throwIfRefused } from "./fault.ts";

const MESSAGES = 20;

/** What a worker writes for a message that it cannot read. */
const SEND = `insert into dead_letters (value, reason)
  select '${THOUGHTS_TOPIC}/0/' || n, 'malformed message' from generate_series(1, ${MESSAGES}) n`;

export const poisonMessages: Fault = {
  async inject({ compose }) {
    const psql = ["psql", "-U", "postgres", "-d", "thoughts", "-v", "ON_ERROR_STOP=1", "-qc", SEND];
    const { code, stderr } = await compose.exec("db", psql);
    throwIfRefused("the messages cannot be sent", code === 0 ? undefined : lastLine(stderr));
    return `wrote ${MESSAGES} dead letters, as if for unreadable messages`;
  },
  repair: () => Promise.resolve("nothing to repair: the workers have published them"),
};
