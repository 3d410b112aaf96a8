/** The workers' consumer group, as Kafka sees it. */
import { Kafka, logLevel } from "kafkajs";
import { GROUP } from "../../core/queue/queue.ts";

/** How many members the group has now. */
export async function groupMembers(brokers: string): Promise<number> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([GROUP]);
    return groups[0]!.members.length;
  } finally {
    await admin.disconnect();
  }
}
