/** The live page's HTML. What changes is filled in by page.js; everything else stands here. */
import { LIMITS } from "../../core/thought.ts";
import { TILES } from "./tiles.ts";

export function Page({ version }: { readonly version: string }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Thought Processor</title>
        <link rel="icon" href="live/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="live/uplot.css" />
        <link rel="stylesheet" href="live/page.css" />
        <link rel="stylesheet" href="live/thought.css" />
        <link rel="stylesheet" href="live/tiles.css" />
        <script type="module" src="live/page.js"></script>
      </head>
      <body>
        <a class="skip" href="#text">Skip to posting a thought</a>
        <header>
          <h1>
            <img src="live/icon.svg" alt="" width="28" height="28" /> Thought Processor
          </h1>
          <nav aria-label="More">
            <a href="docs">API documentation</a>
            <a href="metrics">Metrics</a>
            <a id="grafana" data-port="3001" hidden href="#">Grafana</a>
            <a id="prometheus" data-port="9090" hidden href="#">Prometheus</a>
          </nav>
        </header>
        <main>
          <Post />
          <Now />
          <section aria-labelledby="recent-title">
            <h2 id="recent-title">Recent thoughts</h2>
            <ol id="recent" class="thoughts"></ol>
            <p id="recent-empty" class="quiet" hidden>None yet. Post the first one.</p>
          </section>
        </main>
        <footer class="quiet">
          Version {version}
        </footer>
        <noscript>This page needs JavaScript; the API does not: see /docs.</noscript>
      </body>
    </html>
  );
}

function Post() {
  return (
    <section aria-labelledby="post-title">
      <h2 id="post-title">Post a thought</h2>
      <form id="post">
        <label for="text">Thought</label>
        <textarea
          id="text"
          name="text"
          rows={3}
          required
          maxlength={LIMITS.textChars}
          aria-describedby="problem"
        />
        <div class="row">
          <div>
            <label for="user">User</label>
            <input
              id="user"
              name="user_id"
              value="me"
              required
              maxlength={LIMITS.userIdChars}
              autocomplete="off"
            />
          </div>
          <div id="key-row" hidden>
            <label for="key">API key</label>
            <input id="key" type="password" autocomplete="off" />
          </div>
          <button type="submit">Post</button>
        </div>
        <p id="problem" class="problem" role="alert"></p>
      </form>
      <div id="progress" hidden>
        <ol id="steps" class="steps" aria-label="Progress">
          <li data-step="pending">Pending</li>
          <li data-step="processing">Processing</li>
          <li data-step="completed">Completed</li>
        </ol>
        <p id="said" class="visually-hidden" role="status"></p>
        <div id="result"></div>
      </div>
    </section>
  );
}

function Now() {
  return (
    <section aria-labelledby="now-title">
      <h2 id="now-title">Now</h2>
      <dl class="tiles">
        {TILES.map(({ key, title, help }) => (
          <div class="tile" id={`tile-${key}`} title={help}>
            <dt>{title}</dt>
            <dd>
              <span class="value">–</span> <span class="level"></span>
            </dd>
          </div>
        ))}
      </dl>
      <p id="stale" class="problem" role="status"></p>
      <div class="plots">
        <figure>
          <figcaption>
            Thoughts per second: <span class="key accepted">accepted</span>,{" "}
            <span class="key processed">processed</span>
          </figcaption>
          <div
            id="plot-rates"
            role="img"
            aria-label="Thoughts accepted and processed per second over the last minutes"
          />
        </figure>
        <figure>
          <figcaption>
            <span class="key waiting">Thoughts waiting</span>
          </figcaption>
          <div id="plot-waiting" role="img" aria-label="Thoughts waiting over the last minutes" />
        </figure>
      </div>
    </section>
  );
}
