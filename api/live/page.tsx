/** The live page's HTML. What changes is filled in by page.js; everything else stands here. */
import { LIMITS, STATUSES } from "../../core/thought.ts";
import { TILES } from "./tiles.ts";

/** Sent by a click, for those who want to see it work first. */
const EXAMPLE = "I should call the dentist before Friday, I have been putting it off";

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
          <p class="purpose">
            Write down what is on your mind: a worker reads it and says what kind of thought it is, what it is
            worth to you, what to do next and how soon.
          </p>
          <div id="notice" class="notice" hidden>
            <p role="status"></p>
            <button id="resume" type="button" class="secondary" hidden>Resume</button>
          </div>
          <Post />
          <Recent />
          <Now />
        </main>
        <footer class="quiet">
          Version {version}
        </footer>
        <noscript>This page needs JavaScript; the API does not: see the API documentation.</noscript>
      </body>
    </html>
  );
}

function Post() {
  return (
    <section aria-labelledby="post-title">
      <h2 id="post-title">Post a thought</h2>
      <form id="post">
        <div id="key-field" class="key-field" hidden>
          <p>
            This API asks for a key. Whoever runs it makes one with <code>deno task key NAME</code>.
          </p>
          <label for="key">API key</label>
          <input id="key" type="password" autocomplete="off" aria-describedby="problem" />
        </div>
        <label for="text">Thought</label>
        <textarea id="text" name="text" rows={3} dir="auto" required aria-describedby="counter problem" />
        <p id="counter" class="counter quiet" data-max={LIMITS.textChars}></p>
        <div class="fields">
          <div>
            <label for="user">User</label>
            <input
              id="user"
              name="user_id"
              value="me"
              dir="auto"
              required
              maxlength={LIMITS.userIdChars}
              autocomplete="off"
            />
          </div>
          <button type="submit">Post</button>
        </div>
        <p id="problem" class="problem" role="alert"></p>
      </form>
      <p id="example" class="quiet">
        Nothing on your mind? <button type="button" class="link" data-text={EXAMPLE}>Post an example</button>
      </p>
      <div id="progress" hidden>
        <ol id="stations" class="stations" aria-label="Its way"></ol>
        <p id="said" class="visually-hidden" role="status"></p>
        <div id="result"></div>
      </div>
    </section>
  );
}

function Recent() {
  return (
    <section aria-labelledby="recent-title">
      <div class="heading">
        <h2 id="recent-title">Recent thoughts</h2>
        <label for="search" class="visually-hidden">Search</label>
        <input
          id="search"
          type="search"
          dir="auto"
          placeholder="Search"
          maxlength={LIMITS.searchChars}
          autocomplete="off"
        />
        <label for="status" class="visually-hidden">Status</label>
        <select id="status">
          <option value="">All</option>
          {STATUSES.map((status) => <option key={status} value={status}>{status}</option>)}
        </select>
      </div>
      <ol id="recent" class="thoughts"></ol>
      <p id="recent-empty" class="quiet" hidden>None yet. Post the first one.</p>
      <button id="more" type="button" class="secondary" hidden>More</button>
    </section>
  );
}

function Now() {
  return (
    <section aria-labelledby="now-title" class="now">
      <h2 id="now-title">The system now</h2>
      <p id="stale" class="problem" role="status"></p>
      <dl id="tiles" class="tiles">
        {TILES.map(({ key, title, help }) => (
          <div class="tile" id={`tile-${key}`} title={help}>
            <dt>{title}</dt>
            <dd>
              <span class="value">–</span> <span class="level"></span>
            </dd>
          </div>
        ))}
      </dl>
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
