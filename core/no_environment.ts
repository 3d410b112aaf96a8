/**
 * Imported first by a program, so that no library reads the environment: all see an empty one. `core/config.ts` asks
 * Deno instead, by name. Without this a dependency of ioredis that lists every variable would need permission to read
 * them all, and clients of PostgreSQL, Kafka and OpenAI would take defaults from variables that nobody configured.
 */
import process from "node:process";

process.env = {};
