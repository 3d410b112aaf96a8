/** Sends messages that no worker can read. */
import { THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { lastLine } from "../docker/compose.ts";
import { type Fault, throwIfRefused } from "./fault.ts";

const MESSAGES = 20;

/** Messages that are not a thought's id, sent as real ones are: through the outbox. */
const SEND = `insert into outbox (topic, key, value)
  select '${THOUGHTS_TOPIC}', 'drill', 'poison of a drill' from generate_series(1, ${MESSAGES})`;

export const poisonMessages: Fault = {
  async inject({ compose }) {
    const psql = ["psql", "-U", "postgres", "-d", "thoughts", "-v", "ON_ERROR_STOP=1", "-qc", SEND];
    const { code, stderr } = await compose.exec("db", psql);
    throwIfRefused("the messages cannot be sent", code === 0 ? undefined : lastLine(stderr));
    return `put ${MESSAGES} messages that are not a thought into the outbox`;
  },
  repair: () => Promise.resolve("nothing to repair: they are dead letters now, and the workers went on"),
};
