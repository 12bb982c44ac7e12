import { listedRoutes, type Routes } from '../http-routes.ts';
import { type Html, html } from './html.ts';

export interface Frame {
  readonly title: string;
  readonly host: string;
  readonly version: string;
  /** Actions can be unlocked with a token. */
  readonly canAct: boolean;
  /** Where one came from; undefined on the first page. */
  readonly back?: { readonly path: string; readonly title: string };
  readonly routes: Routes;
  /** What the script replaces when something has changed, in two parts. */
  readonly head?: Html;
  readonly live: Html;
  /** Between them, and left alone: what somebody may be typing into. */
  readonly controls?: Html;
}

/** A whole page. What is drawn in it is `live`; everything works without the script. */
export function framed(frame: Frame): string {
  const { title, host, version, canAct, back, routes, head, live, controls } = frame;
  const paths = listedRoutes(routes).map(
    ([path, row]) => html`<li><a href="${path}">${path}</a> ${row.title}</li>
`,
  );
  const bar = html`<header class="bar">
<p class="brand"><a href="/">unitwatch</a> <span class="host">${host}</span></p>
<form method="post" action="/refresh"><button type="submit">Refresh</button></form>
</header>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${bar}
<main id="main" tabindex="-1">
${back && html`<nav aria-label="Back"><a href="${back.path}">← ${back.title}</a></nav>`}
${
  head &&
  html`<div id="head" class="live">
${head}
</div>`
}
${controls}
<div id="live" class="live">
${live}
</div>
${canAct && unlockForm}
</main>
<p id="news" class="news" role="status" aria-live="polite"></p>
<footer>
<p>unitwatch ${version} · <span id="connection">Reload or press Refresh for news.</span></p>
<details><summary>Paths of this server</summary>
<ul class="paths">
${paths}</ul></details>
</footer>
</body>
</html>
`.text;
}

/** Shown by the script: without it no action could be sent. */
const unlockForm = html`<form id="unlock" class="unlock" hidden>
<label for="token">Token for actions</label>
<input id="token" type="password" autocomplete="off" required>
<button type="submit">Unlock actions</button>
<button type="button" id="lock" hidden>Lock actions</button>
</form>`;
