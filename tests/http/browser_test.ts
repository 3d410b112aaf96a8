/**
 * The live page in a real Chromium, over a real API and worker in one process. Needs Debian's `chromium` (or
 * CHROMIUM); with SCREENSHOTS=folder the pictures are kept.
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { loggedUrl, startProcess } from "../support/process.ts";
import { required } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

const executablePath = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";
const found = await Deno.stat(executablePath).then(() => true, () => false);
if (!found && required) throw new Error(`REQUIRE_SERVICES is set, but there is no ${executablePath}`);

const SCREENSHOTS = Deno.env.get("SCREENSHOTS");
/**
 * A name for this machine that is not loopback to a browser: what it serves over plain HTTP is not trusted.
 */
const ELSEWHERE = "thoughts.test";
const PHONE = { width: 360, height: 740 };

Deno.test({
  name: `the live page${found ? "" : ` (skipped: no ${executablePath})`}`,
  ignore: !found,
  async fn(t) {
    const dataDir = `.data/${crypto.randomUUID()}`; // the only folder that the program may write to
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-dev-shm-usage", `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`],
    });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(new URL(`../../${dataDir}`, import.meta.url), { recursive: true }));
    const program = stack.use(startProcess({
      args: ["-P=dev", "dev.ts"],
      env: {
        DATA_DIR: dataDir,
        API_PORT: "0",
        WORKER_PORT: "0",
        ALLOWED_HOSTS: `localhost,127.0.0.1,${ELSEWHERE}`,
      },
    }));
    stack.defer(() => browser.close());
    const url = await loggedUrl(program, "url");
    const desk = await open(browser, url, { viewport: { width: 1200, height: 900 } });

    await t.step("an example is posted by a click, and its result comes first", async () => {
      const { page, errors } = await open(browser, url, {});
      await page.getByRole("button", { name: "Post an example" }).click();
      const result = page.locator("#result");
      await result.locator("blockquote", { hasText: "dentist" }).waitFor();
      assert.match(await result.locator(".facts").textContent() ?? "", /me · .* · took \d+(\.\d)? m?s/);
      assert.match(
        await result.locator("dd").first().textContent() ?? "",
        /(low|medium|high|critical) \d+ of 100/,
      );
      assert.ok(await result.locator(".bar .filled").count() >= 1, "drawn, not only written");
      assert.deepEqual(errors, []);
    });

    await t.step("a thought that is posted goes through its states to its result", async () => {
      const { page } = desk;
      await page.getByLabel("Thought", { exact: true }).fill("I want to learn to play the guitar this year");
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.locator("#stations li[aria-current=step]", { hasText: "Stored" }).waitFor();
      await page.locator("#result").getByText("Classification").waitFor();
      for (const part of ["Analysis", "Value", "Actions", "Priority"]) {
        assert.equal(await page.locator("#result dt", { hasText: part }).count(), 1, part);
      }
      assert.equal(await page.locator("#said").textContent(), "The thought is completed");
      assert.equal(await page.getByLabel("Thought", { exact: true }).inputValue(), "", "ready for the next");
    });

    await t.step("a thought on its way is drawn station by station, each with its milliseconds", async () => {
      const { page } = await open(browser, url, {});
      const stations = page.locator("#stations li");
      const post = async (text: string) => {
        await page.getByLabel("Thought", { exact: true }).fill(text);
        await page.getByRole("button", { name: "Post", exact: true }).click();
        await waitFor("the draft to go", async () => await page.locator("#text").inputValue() === "");
        await page.locator("#result blockquote", { hasText: text }).waitFor();
        return await stations.locator("span:first-child").allTextContents();
      };
      const text = `on its way ${crypto.randomUUID()}`;
      assert.deepEqual(await post(text), ["Accepted", "Outbox", "Queue", "Analyser", "Stored"]);
      const times = await stations.locator(".ms").allTextContents();
      for (const time of times.slice(1)) assert.match(time, /^\d+ ms$/);
      assert.deepEqual(await post(text), ["Accepted", "Outbox", "Queue", "Cache", "Stored"]);
      const item = page.locator("#recent li").filter({ hasText: text }).first();
      await item.locator("summary").click();
      assert.match(
        await item.locator(".stations").textContent() ?? "",
        /Accepted.*Outbox\d+ ms.*Cache\d+ ms/,
      );
    });

    await t.step("a station that lasts counts its time, until the next one is reached", async () => {
      const { page } = await open(browser, url, {});
      let reach: ((status: string) => void) | undefined;
      await page.route("**/thoughts/*/events", async (route) => {
        const status = await new Promise<string>((resolve) => reach = resolve);
        const at = new Date().toISOString();
        const claimed = status === "pending" ? null : at;
        const timeline = {
          accepted_at: at,
          queued_at: at,
          published_at: claimed,
          claimed_at: claimed,
          analysed_at: null,
        };
        const data = JSON.stringify({ status, timeline });
        await route.fulfill({
          contentType: "text/event-stream",
          body: `id: ${status}\nevent: ${status}\ndata: ${data}\n\n`,
        });
      });
      await page.getByRole("button", { name: "Post an example" }).click();
      const present = page.locator("#stations li[aria-current=step]");
      for (const [status, station] of [["pending", "Outbox"], ["processing", "Analyser"]] as const) {
        await (await waitFor("the stream", () => reach))(status);
        reach = undefined;
        await present.filter({ hasText: station }).waitFor();
        await present.filter({ hasText: /[1-9]\d* ms|\d s/ }).waitFor();
      }
      await page.context().close();
    });

    await t.step("it stands in the list, completed, and opens to its result by keyboard", async () => {
      const { page } = desk;
      const line = page.locator("#recent li", { hasText: "play the guitar" });
      await line.getByText("completed").waitFor();
      await line.locator("summary").focus();
      await page.keyboard.press("Enter");
      assert.ok(await line.getByText("Priority", { exact: true }).isVisible());
    });

    await t.step("markup in a thought is shown as text", async () => {
      const { page } = desk;
      const text = "<img src=x onerror=alert(1)> <b>bold</b> & <script>alert(2)</script>";
      await page.getByLabel("Thought", { exact: true }).fill(text);
      await page.keyboard.press("Control+Enter");
      await page.locator("#recent li", { hasText: "<b>bold</b>" }).waitFor();
      assert.equal(await page.locator("#recent b, #recent img, #result b, #result img").count(), 0);
    });

    await t.step("tiles and plots come alive", async () => {
      const { page } = desk;
      await page.locator("#tile-workers .value", { hasText: "1 of 1" }).waitFor();
      await page.locator("#tile-waiting .value", { hasText: /^\d/ }).waitFor();
      await page.locator("#tile-p95 .value", { hasText: / m?s$/ }).waitFor();
      assert.equal(await page.locator("#tile-workers").getAttribute("data-level"), "ok");
      assert.equal(await page.locator(".plots canvas").count(), 2);
      assert.ok(!(await page.getByRole("link", { name: "Grafana" }).isVisible()), "nothing scrapes this API");
    });

    await t.step("links to Grafana and Prometheus come with the first scrape", async () => {
      const scrape = await fetch(`${url}/metrics`, { headers: { "user-agent": "Prometheus/3.13.5" } });
      await scrape.body?.cancel();
      const link = desk.page.getByRole("link", { name: "Grafana" });
      await link.waitFor();
      assert.equal(await link.getAttribute("href"), "http://127.0.0.1:3001");
    });

    await t.step("what the API refuses is said beside the form, and announced", async () => {
      const { page, errors } = desk;
      await page.getByLabel("Thought", { exact: true }).fill("   ");
      await page.getByRole("button", { name: "Post", exact: true }).click();
      const alert = page.getByRole("alert").filter({ hasText: "text must not be blank" });
      await alert.waitFor();
      // Chromium itself writes the 400 to the console; that line and no other is expected.
      assert.deepEqual(errors.splice(0).map((error) => /status of 400/.test(error)), [true]);
    });

    await t.step("characters are counted as the API counts them", async () => {
      const { page } = await open(browser, url, {});
      const text = page.getByLabel("Thought", { exact: true });
      await text.fill("🧠".repeat(3));
      assert.equal(await page.locator("#counter").textContent(), "3 of 10,000 characters");
      await text.fill("x".repeat(10_001));
      assert.equal(await page.locator("#counter").textContent(), "1 too many");
    });

    await t.step("over plain HTTP from another host a thought can be posted too", async () => {
      const { page } = await open(browser, `http://${ELSEWHERE}:${new URL(url).port}`, {});
      assert.equal(
        await page.evaluate("typeof crypto.randomUUID"),
        "undefined",
        "the browser does not trust it",
      );
      await page.getByRole("button", { name: "Post an example" }).click();
      await page.locator("#result blockquote").waitFor();
    });

    await t.step("behind a sub-path the page works", async () => {
      await using proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
        const { pathname, search } = new URL(request.url);
        if (!pathname.startsWith("/thoughts-api/")) return new Response(null, { status: 404 });
        const { method, headers, body } = request;
        return fetch(url + pathname.slice("/thoughts-api".length) + search, { method, headers, body });
      });
      const { page, errors } = await open(browser, `http://127.0.0.1:${proxy.addr.port}/thoughts-api/`, {});
      await page.getByRole("button", { name: "Post an example" }).click();
      await page.locator("#result blockquote").waitFor();
      await page.locator("#tile-workers .value", { hasText: "of" }).waitFor();
      await page.getByRole("link", { name: "API documentation" }).click();
      await page.getByText("Post a thought").first().waitFor();
      assert.deepEqual(errors, []);
      await page.context().close(); // its streams end with it
    });

    await t.step("after a lost reply a second press stores nothing twice", async () => {
      const { page } = await open(browser, url, {});
      let lost = 0;
      await page.route(/\/thoughts$/, async (route) => {
        if (route.request().method() !== "POST" || lost > 0) return await route.continue();
        lost++;
        await route.fetch(); // it arrives, the reply does not
        await route.abort();
      });
      const text = `only once ${crypto.randomUUID()}`;
      await page.getByLabel("Thought", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.getByRole("alert").filter({ hasText: "The API is not responding" }).waitFor();
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.locator("#result blockquote", { hasText: text }).waitFor();
      const { thoughts } = await (await fetch(`${url}/thoughts?limit=100`)).json();
      assert.equal(thoughts.filter((thought: { text: string }) => thought.text === text).length, 1);
    });

    await t.step(
      "a new thought closes the stream of the one before: the page stays alive without a worker",
      async () => {
        const { page } = await open(browser, url, {});
        const open_ = new Set<string>();
        page.on("requestfailed", (request) => open_.delete(request.url()));
        await page.route("**/events", (route) => {
          open_.add(route.request().url()); // never answered
        });
        for (let n = 0; n < 7; n++) {
          await page.getByLabel("Thought", { exact: true }).fill(`one after the other ${n}`);
          await page.getByRole("button", { name: "Post", exact: true }).click();
          await page.locator("#recent li", { hasText: `one after the other ${n}` }).waitFor();
        }
        await waitFor("all streams but the last to close", () => open_.size === 1);
        await page.context().close();
      },
    );

    await t.step("the list shows more, filters, retries and deletes", async () => {
      const { page } = await open(browser, url, { viewport: { width: 1_200, height: 900 } });
      const post = (text: string) =>
        fetch(`${url}/thoughts`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ user_id: "many", text }),
        }).then((response) => response.json());
      for (let n = 0; n < 25; n++) await post(`one of many ${n}`);
      const items = page.locator("#recent > li");
      await page.reload();
      await items.first().waitFor();
      assert.equal(await items.count(), 10);
      for (const count of [20, 30]) {
        await page.getByRole("button", { name: "More" }).click();
        await waitFor(`${count} thoughts`, async () => await items.count() === count);
      }
      await page.getByLabel("Status").selectOption("failed");
      await page.getByText("None is failed.").waitFor();
      await page.getByLabel("Status").selectOption("completed");
      await items.first().waitFor();
      assert.deepEqual([...new Set(await page.locator("#recent .status").allTextContents())], ["completed"]);

      await page.getByLabel("Status").selectOption("");
      const doomed = items.filter({ hasText: "one of many 24" });
      await doomed.locator("summary").click();
      page.once("dialog", (dialog) => dialog.accept());
      await doomed.getByRole("button", { name: "Delete" }).click();
      await waitFor("the thought to go", async () => await doomed.count() === 0);

      const retried: string[] = [];
      await page.route(/\/thoughts\?/, async (route) => {
        const response = await route.fetch();
        const page = await response.json();
        if (page.thoughts[0]) {
          Object.assign(page.thoughts[0], { status: "failed", result: null, error: "no answer" });
        }
        await route.fulfill({ response, json: page });
      });
      await page.route("**/redrive", (route) => {
        retried.push(route.request().method());
        return route.fulfill({ json: {} });
      });
      await page.reload();
      await items.first().locator("summary").click();
      await items.first().getByRole("button", { name: "Retry" }).click();
      await waitFor("the retry", () => retried.length === 1);
      assert.deepEqual(retried, ["POST"]);
    });

    await t.step(
      "a search finds a thought by its words, with the status, and says when there is none",
      async () => {
        const { page, errors } = await open(browser, url, { viewport: { width: 1_200, height: 900 } });
        const items = page.locator("#recent > li");
        const search = page.getByLabel("Search");
        await items.first().waitFor();
        await search.fill("THE GUITAR");
        await waitFor("one thought", async () => await items.count() === 1);
        assert.match(await items.first().textContent() ?? "", /play the guitar/);
        await page.getByLabel("Status").selectOption("failed");
        await page.getByText("No failed thought has these words.").waitFor();
        await page.getByLabel("Status").selectOption("");
        await waitFor("it again", async () => await items.count() === 1);
        await search.fill("nobody wrote this & that=100%");
        await page.getByText("No thought has these words.").waitFor();
        await search.fill("");
        await waitFor("all of them", async () => await items.count() === 10);
        assert.deepEqual(errors, []);

        // What a search looks through is bounded: a page may be empty though there is more.
        await page.route(/\/thoughts\?.*q=/, async (route) => {
          const further = new URL(route.request().url()).searchParams.has("cursor");
          const response = await route.fetch({ url: `${url}/thoughts?limit=1` });
          const json = further
            ? { ...await response.json(), next_cursor: null }
            : { thoughts: [], next_cursor: "more" };
          await route.fulfill({ response, json });
        });
        await search.fill("rare");
        await page.getByText("More looks further").waitFor();
        await page.getByRole("button", { name: "More" }).click();
        await waitFor("what is further back", async () => await items.count() === 1);
        await page.context().close();
      },
    );

    await t.step("a text in Arabic runs from right to left, and a long one can be read whole", async () => {
      const { page } = await open(browser, url, {});
      const text = `أريد أن أتعلم العزف ${"🧠 ".repeat(200)}النهاية`;
      await page.getByLabel("Thought", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Post", exact: true }).click();
      const quote = page.locator("#result blockquote");
      await quote.waitFor();
      assert.ok(await quote.evaluate((element) => element.matches(":dir(rtl)")));
      assert.equal(await quote.textContent(), text);
      const item = page.locator("#recent li").first();
      assert.ok((await item.locator(".text").textContent())!.endsWith("…"));
      assert.equal(await item.locator("blockquote").textContent(), text);
    });

    await t.step("it can be used by keyboard alone", async () => {
      const { page } = await open(browser, url, {});
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate("document.activeElement.className"), "skip");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      const focused = () => page.evaluate("document.activeElement.id || document.activeElement.type");
      const reached = [await focused()];
      if (reached[0] !== "text") await page.locator("#text").focus();
      await page.keyboard.type("Water the plants");
      await page.keyboard.press("Tab");
      assert.equal(await focused(), "user");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.locator("#stations li[aria-current=step]", { hasText: "Stored" }).waitFor();
    });

    for (
      const [name, options] of [
        ["light", { colorScheme: "light", viewport: { width: 1200, height: 900 } }],
        ["dark", { colorScheme: "dark", viewport: { width: 1200, height: 900 } }],
        ["phone", { colorScheme: "light", viewport: PHONE, hasTouch: true }],
        ["phone-dark", { colorScheme: "dark", viewport: PHONE, hasTouch: true }],
      ] as const
    ) {
      await t.step(`${name}: no accessibility violation, nothing wider than the screen`, async () => {
        const { page, errors } = await open(browser, url, options);
        await page.locator("#recent li").first().waitFor();
        await page.getByLabel("Thought", { exact: true }).fill(
          "Call the dentist before Friday, I am worried",
        );
        await page.getByRole("button", { name: "Post", exact: true }).click();
        await page.locator("#result dt").first().waitFor();
        await page.locator("#tile-workers .value", { hasText: "of" }).waitFor();
        await page.locator("#recent summary").first().click();
        assert.deepEqual(await violations(page), []);
        const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth") as number;
        assert.ok(overflow <= 0, `${overflow} px too wide`);
        if (SCREENSHOTS) {
          await page.screenshot({ path: `${SCREENSHOTS}/live-page-${name}.png`, fullPage: true });
        }
        assert.deepEqual(errors, []);
      });
    }

    await t.step("the API's documentation draws itself, with nothing from another host", async () => {
      const { page, errors, hosts } = await open(browser, `${url}/docs`, {});
      await page.getByText("Post a thought").first().click();
      await page.getByRole("button", { name: "Try it out" }).waitFor();
      assert.deepEqual(errors, []);
      assert.deepEqual([...hosts], [new URL(url).host]);
      if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/docs.png` });
    });

    await t.step("the page contacted no other host, and the console stayed clean", () => {
      assert.deepEqual([...desk.hosts], [new URL(url).host]);
      assert.deepEqual(desk.errors, []);
    });

    await t.step("a thought that could not be analysed is shown as failed, with the reason", async () => {
      const { page } = await open(browser, url, {});
      const at = new Date().toISOString();
      const timeline = {
        accepted_at: at,
        queued_at: at,
        published_at: at,
        claimed_at: at,
        analysed_at: null,
        finished_at: at,
      };
      await page.route("**/thoughts/*/events", (route) =>
        route.fulfill({
          contentType: "text/event-stream",
          body: ["pending", "processing", "failed"].map((status) =>
            `id: ${status}\nevent: ${status}\ndata: ${JSON.stringify({ status, timeline })}\n\n`
          ).join(""),
        }));
      await page.route(
        /\/thoughts\/[0-9a-f-]{36}$/,
        (route) =>
          route.fulfill({
            json: {
              user_id: "me",
              text: "a",
              status: "failed",
              result: null,
              error: "the analyser is away",
              attempts: 5,
              created_at: at,
              finished_at: at,
              timeline,
            },
          }),
      );
      await page.getByLabel("Thought", { exact: true }).fill("a");
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.locator("#stations li[aria-current=step]", { hasText: "Failed" }).waitFor();
      await page.getByRole("alert").filter({ hasText: "could not be analysed: the analyser is away" })
        .waitFor();
    });

    await t.step("with API keys the page asks for one, once, and goes on with it", async () => {
      const { page } = await open(browser, url, {});
      const key = page.getByLabel("API key");
      assert.ok(!(await key.isVisible()), "without keys no key is requested");
      const refusal = { status: 401, json: { status: 401, title: "A valid API key is needed" } };
      await page.route(
        /\/thoughts/,
        (route) =>
          route.request().headers().authorization === "Bearer secret"
            ? route.continue()
            : route.fulfill(refusal),
      );
      await page.reload();
      await page.getByRole("alert").filter({ hasText: "A valid API key is needed" }).waitFor();
      await page.getByText("This API asks for a key. Whoever runs it makes one").waitFor();
      await key.fill("secret");
      await page.keyboard.press("Tab");
      await page.locator("#recent li").first().waitFor();
      await page.getByLabel("Thought", { exact: true }).fill("with a key");
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.locator("#stations li[aria-current=step]", { hasText: "Stored" }).waitFor();
    });

    await t.step(
      "a pause is said, with who, why and since when; who may end it can, and work goes on",
      async () => {
        const { page, errors } = await open(browser, url, { viewport: { width: 1_200, height: 900 } });
        const pause = await fetch(`${url}/pause`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ reason: "the invoice is too high" }),
        });
        assert.equal(pause.status, 200);
        await pause.body?.cancel();
        const notice = page.getByRole("status").filter({
          hasText: /Paused by anonymous since .*\d\d.*: “the invoice is too high”/,
        });
        await notice.waitFor();
        assert.deepEqual(await violations(page), []);
        if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/live-page-paused.png` });
        await page.getByLabel("Thought", { exact: true }).fill("Walk the dog while they are paused");
        await page.getByRole("button", { name: "Post", exact: true }).click();
        await page.locator("#recent li", { hasText: "Walk the dog" }).getByText("pending").waitFor();
        await page.getByRole("button", { name: "Resume" }).click();
        await page.locator("#stations li[aria-current=step]", { hasText: "Stored" }).waitFor();
        await waitFor("the notice to go", async () => !(await page.locator("#notice").isVisible()));
        assert.deepEqual(errors, []);
      },
    );

    await t.step(
      "a caller who may not operate sees a pause, but not its author, and cannot end it",
      async () => {
        const { page } = await open(browser, url, {});
        await page.route(/\/samples$/, async (route) => {
          const response = await route.fetch();
          const notice = { reason: "paused", text: "An operator paused the workers", since: Date.now() };
          await route.fulfill({ response, json: { ...await response.json(), notice } });
        });
        const refusal = { status: 403, json: { status: 403, title: "Not with this key" } };
        await page.route(/\/pause$/, (route) => route.fulfill(refusal));
        await page.getByRole("status").filter({ hasText: /^An operator paused the workers \(since / })
          .waitFor();
        assert.ok(!(await page.getByRole("button", { name: "Resume" }).isVisible()));
      },
    );

    await t.step("the page reports an API that goes down, and recovers by itself", async () => {
      const { page } = desk;
      await page.context().setOffline(true);
      await page.getByText("The API is not responding. This page tries again.").waitFor();
      assert.ok(await page.locator("#tiles.old").count() === 1, "its figures are grey");
      await page.getByLabel("Thought", { exact: true }).fill("while it is away");
      await page.getByRole("button", { name: "Post", exact: true }).click();
      await page.getByRole("alert").filter({ hasText: "The API is not responding" }).waitFor();
      await page.context().setOffline(false);
      await waitFor("the error to go", async () => await page.locator("#problem").textContent() === "");
      assert.equal(await page.locator("#tiles.old").count(), 0);
      await waitFor("the message to go", async () => await page.locator("#stale").textContent() === "");
    });
  },
});

interface Opened {
  readonly page: Page;
  /** Errors of the console and of the page, policy violations included. */
  readonly errors: string[];
  /** Hosts that were contacted. */
  readonly hosts: Set<string>;
}

async function open(browser: Browser, url: string, options: BrowserContextOptions): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => request.url().startsWith("http") && hosts.add(new URL(request.url()).host));
  await page.goto(url);
  return { page, errors, hosts };
}

/**
 * What axe finds wrong by WCAG 2.2 AA and best practices, in words. It is run over the debugger, past the
 * page's policy.
 */
async function violations(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(`${axe.source}; axe.run()`) as axe.AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
