/** The HTTP side of both programs: `POST /thoughts`, and 200 to everything else once `ready` returns true. */
const { createServer } = require("node:http");

/** @param store stores a thought and its job, and resolves to its id */
exports.serve = ({ store, ready }) => {
  async function post(body) {
    const { user_id, text } = JSON.parse(body);
    if (typeof user_id !== "string" || typeof text !== "string") return [400, "{}"];
    return [201, JSON.stringify({ id: await store(user_id, text) })];
  }
  createServer((request, response) => {
    if (request.method !== "POST") return response.writeHead(ready() ? 200 : 503).end();
    let body = "";
    request.on("data", (chunk) => body += chunk).on("end", async () => {
      const [status, answer] = await post(body).catch(() => [503, "{}"]);
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(answer) };
      response.writeHead(status, headers).end(answer);
    });
  }).listen(Number(process.env.PORT), "127.0.0.1");
  process.on("SIGTERM", () => process.exit());
};
