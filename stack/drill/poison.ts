import { THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { lastLine } from "../docker/compose.ts";
import { type Damage, mustWork } from "./damage.ts";

const MESSAGES = 20;

/** Messages that are no thought's id, sent the way that real ones take: through the outbox. */
const SEND = `insert into outbox (topic, key, value)
  select '${THOUGHTS_TOPIC}', 'drill', 'poison of a drill' from generate_series(1, ${MESSAGES})`;

/** Sends messages that no worker can read. */
export const poison: Damage = {
  async inflict({ compose }) {
    const psql = ["psql", "-U", "postgres", "-d", "thoughts", "-v", "ON_ERROR_STOP=1", "-qc", SEND];
    const { code, stderr } = await compose.exec("db", psql);
    mustWork("the messages cannot be sent", code === 0 ? undefined : lastLine(stderr));
    return `put ${MESSAGES} messages that are no thought into the outbox`;
  },
  mend: () => Promise.resolve("nothing to mend: they are dead letters now, and the workers went on"),
};
