/**
 * The launcher's own key for an API that requires keys. The service `secrets` makes one with each `up` after
 * a `down`.
 */
import type { Check } from "../checklist.ts";
import type { Context } from "../context.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";

/** The file of hashes of the stack's own keys, as the API sees it. */
const OWN_KEYS = "/run/secrets/api/keys";
/** The launcher's key, as `secrets` has written it; no other container sees it. */
const OWN_KEY = "/secrets/launcher/api_key";

/** The folder that API_KEYS_DIR names, as the API sees it. */
const KEYS_FOLDER = "/run/secrets/api_keys";
/** `deno` in the image. */
const API_USER = "1993:1993";

/**
 * Looks whether the API can read its key file; without it, it would not start.
 *
 * @returns no check, where the API wants no keys
 */
export async function keyFileChecks(
  { docker, compose }: Pick<Context, "docker" | "compose">,
): Promise<Check[]> {
  const { services } = await compose.config();
  const declared = (service: string) => services.find(({ name }) => name === service);
  const folder = declared("api")?.mounts.find(({ target }) => target === KEYS_FOLDER)?.source ?? "";
  if (!/[\\/]/.test(folder)) return []; // a volume: API_KEYS_DIR is not set
  const run = async () => {
    const why = await docker.cannotSee(folder, "keys", declared("secrets")!.image, API_USER);
    if (!why) return `the API can read ${folder}/keys`;
    throw prerequisite(`The API cannot read ${folder}/keys`, {
      cause: why,
      next: [
        { text: "make a key, and put its line into that file", task: "key NAME" },
        `let containers read it: chmod a+rx ${folder} && chmod a+r ${folder}/keys`,
      ],
    });
  };
  return [{ name: "key file", run }];
}

/**
 * Reads the key through Docker, so that no copy of it lies on this machine.
 *
 * @returns undefined when the API wants no keys
 * @throws {LaunchFailure} when it wants keys that the launcher has no part in, or its key cannot be read
 */
export async function readApiKey(
  { compose, paths }: Pick<Context, "compose" | "paths">,
): Promise<string | undefined> {
  const { services } = await compose.config();
  const files = services.find(({ name }) => name === "api")?.environment.API_KEYS_FILE;
  if (!files) return undefined;
  if (!files.split(",").includes(OWN_KEYS)) {
    throw prerequisite("The API requires keys, and the launcher has none", {
      cause: `API_KEYS_FILE is ${files}, which leaves out ${OWN_KEYS}`,
      next: [
        `set API_KEYS_DIR in ${paths.envFile} to the folder of your key file, and leave API_KEYS_FILE alone`,
      ],
    });
  }
  const key = (await compose.readFile("secrets", OWN_KEY))?.trim();
  if (key) return key;
  throw new LaunchFailure("service", {
    what: "The launcher's API key cannot be read",
    cause: `the service secrets has no ${OWN_KEY}`,
    next: [{ text: "see what it says", verb: "logs secrets" }, { text: "make it create one", verb: "" }],
  });
}
