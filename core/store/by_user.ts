/** Thoughts of one user in the order of their ids, looked up in the index by user whatever the planner expects. */

/**
 * The condition. As a comparison with an array it does not make the user a constant of the order below: by
 * `user_id =` the planner would walk down the ids of all users, on a table believed to be small or for a user
 * believed to have many thoughts everywhere (docs/decisions/0063-plans.md).
 */
export const ofUser = (user: string) => `user_id = any(array[${user}::text])`;

/** The order that goes with {@link ofUser}: of the index, there or back. */
export const ORDER_OF_USER = { desc: "user_id, id desc", asc: "user_id desc, id" } as const;
