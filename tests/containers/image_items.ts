/** Section 4 of the benchmark, container images and build file. */
import type { Item } from "./item.ts";

/** Without `user` these images would start as root. */
const ROOT_IMAGES = /^(postgres|redis):/;

export const IMAGE_ITEMS: readonly Item[] = [
  {
    id: "4.1",
    title: "Ensure that a user for the container has been created",
    check: {
      of: "containers",
      holds: ({ user, image }) => user === "" ? !ROOT_IMAGES.test(image) : /^[1-9]/.test(user),
      accepted: {
        secrets: "its volumes are root's; no network, lives for a second",
        promtail:
          "Docker's log files are root's; without capabilities it reads what root owns and nothing else",
      },
    },
  },
  {
    id: "4.2",
    title: "Ensure that containers use only trusted base images",
    note: "our image is based on Deno's own, at one exact version",
    check: {
      of: "Dockerfile",
      holds: (text) => all(text, /^FROM .*$/gm, /^FROM denoland\/deno:\d+\.\d+\.\d+$/),
    },
  },
  {
    id: "4.3",
    title: "Ensure that unnecessary packages are not installed in the container",
    note: "none is",
    check: { of: "Dockerfile", holds: (text) => !/\b(apt|apt-get|apk|yum|dnf|npm|pip)\b/.test(text) },
  },
  {
    id: "4.4",
    title: "Ensure images are scanned and rebuilt to include security patches",
    note: "versions are raised manually, in docker-compose.yml and the Dockerfile; nothing here scans images",
    check: { of: "accepted" },
  },
  {
    id: "4.5",
    title: "Ensure Content trust for Docker is Enabled",
    note: "a setting of the Docker client (`DOCKER_CONTENT_TRUST`)",
    check: { of: "the host's" },
  },
  {
    id: "4.6",
    title: "Ensure that HEALTHCHECK instructions have been added to container images",
    note: "health checks are in docker-compose.yml (5.27): one image is API and worker, on different ports",
    check: { of: "accepted" },
  },
  {
    id: "4.7",
    title: "Ensure update instructions are not used alone in the Dockerfile",
    check: { of: "Dockerfile", holds: (text) => !/\b(update|upgrade)\b/.test(text) },
  },
  {
    id: "4.8",
    title: "Ensure setuid and setgid permissions are removed",
    note: "the bits stay in the images and do nothing: no container may gain privileges (5.26)",
    check: { of: "accepted" },
  },
  {
    id: "4.9",
    title: "Ensure that COPY is used instead of ADD in Dockerfiles",
    check: { of: "Dockerfile", holds: (text) => !/^ADD\b/m.test(text) },
  },
  {
    id: "4.10",
    title: "Ensure secrets are not stored in Dockerfiles",
    check: { of: "Dockerfile", holds: (text) => !/^(ENV|ARG)\b.*(PASS|KEY|SECRET|TOKEN)/m.test(text) },
  },
  {
    id: "4.11",
    title: "Ensure only verified packages are installed",
    note:
      "npm packages are checked against the hashes of deno.lock, and nothing that is not in it is fetched",
    check: {
      of: "Dockerfile",
      holds: (text) =>
        all(text, /^RUN deno .*$/gm, /^RUN deno cache --frozen /) && /COPY .*deno\.lock/.test(text),
    },
  },
  {
    id: "4.12",
    title: "Ensure all signed artifacts are validated",
    note: "no artifact is uploaded to a registry from here",
    check: { of: "does not apply" },
  },
];

/** Whether there are such lines, and each is as it should be. */
function all(text: string, lines: RegExp, right: RegExp): boolean {
  const found = text.match(lines) ?? [];
  return found.length > 0 && found.every((line) => right.test(line));
}
