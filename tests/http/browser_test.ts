/**
 * The live page in a real Chromium, over a real API and worker in one process. Needs Debian's `chromium` (or CHROMIUM);
 * with SCREENSHOTS=folder the pictures are kept.
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
const PHONE = { width: 360, height: 740 };

Deno.test({
  name: `the live page${found ? "" : ` (skipped: no ${executablePath})`}`,
  ignore: !found,
  async fn(t) {
    const dataDir = `.data/${crypto.randomUUID()}`; // the only folder that the program may write to
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(new URL(`../../${dataDir}`, import.meta.url), { recursive: true }));
    const program = stack.use(startProcess({
      args: ["-P=dev", "dev.ts"],
      env: { DATA_DIR: dataDir, API_PORT: "0", WORKER_PORT: "0" },
    }));
    stack.defer(() => browser.close());
    const url = await loggedUrl(program, "url");
    const desk = await open(browser, url, { viewport: { width: 1200, height: 900 } });

    await t.step("a thought that is posted goes through its states to its result", async () => {
      const { page } = desk;
      await page.getByLabel("Thought", { exact: true }).fill("I want to learn to play the guitar this year");
      await page.getByRole("button", { name: "Post" }).click();
      await page.locator("#steps li[aria-current=step]", { hasText: "completed" }).waitFor();
      await page.locator("#result").getByText("Classification").waitFor();
      for (const part of ["Analysis", "Value", "Actions", "Priority"]) {
        assert.equal(await page.locator("#result dt", { hasText: part }).count(), 1, part);
      }
      assert.equal(await page.locator("#said").textContent(), "The thought is completed");
      assert.equal(await page.getByLabel("Thought", { exact: true }).inputValue(), "", "ready for the next");
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
      await page.getByRole("button", { name: "Post" }).click();
      const alert = page.getByRole("alert").filter({ hasText: "text must not be blank" });
      await alert.waitFor();
      // Chromium itself writes the 400 to the console; that line and no other is expected.
      assert.deepEqual(errors.splice(0).map((error) => /status of 400/.test(error)), [true]);
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
      await page.locator("#steps li[aria-current=step]", { hasText: "completed" }).waitFor();
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
        await page.getByRole("button", { name: "Post" }).click();
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

    await t.step("the page asked no other host, and the console stayed clean", () => {
      assert.deepEqual([...desk.hosts], [new URL(url).host]);
      assert.deepEqual(desk.errors, []);
    });

    await t.step("a thought that could not be analysed is said to be failed, with the reason", async () => {
      const { page } = await open(browser, url, {});
      await page.route("**/thoughts/*/events", (route) =>
        route.fulfill({
          contentType: "text/event-stream",
          body: ["pending", "processing", "failed"].map((status) =>
            `id: ${status}\nevent: ${status}\ndata: {"status":"${status}"}\n\n`
          ).join(""),
        }));
      await page.route(
        /\/thoughts\/[0-9a-f-]{36}$/,
        (route) => route.fulfill({ json: { status: "failed", result: null, error: "the analyser is away" } }),
      );
      await page.getByLabel("Thought", { exact: true }).fill("a");
      await page.getByRole("button", { name: "Post" }).click();
      await page.locator("#steps li[aria-current=step]", { hasText: "failed" }).waitFor();
      await page.getByRole("alert").filter({ hasText: "could not be analysed: the analyser is away" })
        .waitFor();
    });

    await t.step("with API keys the page asks for one, once, and goes on with it", async () => {
      const { page } = await open(browser, url, {});
      const key = page.getByLabel("API key");
      assert.ok(!(await key.isVisible()), "without keys nobody is asked");
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
      await key.fill("secret");
      await page.keyboard.press("Tab");
      await page.locator("#recent li").first().waitFor();
      await page.getByLabel("Thought", { exact: true }).fill("with a key");
      await page.getByRole("button", { name: "Post" }).click();
      await page.locator("#steps li[aria-current=step]", { hasText: "completed" }).waitFor();
    });

    await t.step("an API that goes away is said, and the page recovers by itself", async () => {
      const { page } = desk;
      await page.context().setOffline(true);
      await page.getByText("The API does not answer. This page tries again.").waitFor();
      await page.context().setOffline(false);
      await waitFor("the message to go", async () => await page.locator("#stale").textContent() === "");
    });
  },
});

interface Opened {
  readonly page: Page;
  /** Errors of the console and of the page, policy violations included. */
  readonly errors: string[];
  /** Hosts that were asked for anything. */
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

/** What axe finds wrong by WCAG 2.2 AA and best practices, in words. It is run over the debugger, past the page's policy. */
async function violations(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(`${axe.source}; axe.run()`) as axe.AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
