import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { HttpOutput } from '../../src/outputs/http.ts';
import { type Chromium, startChromium } from '../chromium.ts';
import { busyWorld, hostileNames, token, World } from './page-world.ts';

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
/** A page that has not shown it by then does not: a busy machine takes seconds. */
const patienceMs = 60_000;
const unfoldAll = "for (const one of document.querySelectorAll('details')) one.open = true";

let chromium: Chromium;
before(async () => {
  chromium = await startChromium();
});
after(() => chromium.close());

interface Visit {
  readonly page: Page;
  readonly server: HttpOutput;
  readonly url: string;
  /** What the console and the page said that is an error. */
  readonly errors: string[];
  close(): Promise<void>;
}

async function visit(
  world: World,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const server = await world.serve();
  const context = await chromium.browser.newContext(options);
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  const url = `http://127.0.0.1:${server.address.port}`;
  await page.goto(url + path);
  const close = async (): Promise<void> => {
    await context.close();
    await server.close();
  };
  return { page, server, url, errors, close };
}

/** The script has its stream: changes after this are seen. */
async function isLive(page: Page): Promise<void> {
  await page.getByText('Live: changes appear by themselves.').waitFor();
}

test('a crash appears without reload, and is said once to a screen reader', async (t) => {
  const world = new World();
  world.service('web.service');
  world.service('db.service');
  const { page, errors, close } = await visit(world, '/');
  t.after(close);
  await isLive(page);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Everything is well.');
  await page.evaluate('window.sameDocument = true');
  world.fail('web.service');
  await page.getByRole('heading', { name: 'Something is down.' }).waitFor();
  const row = page.getByRole('row').filter({ hasText: 'web.service' });
  assert.match((await row.textContent()) ?? '', /failed[\s\S]*exit-code/);
  assert.equal(await page.getByRole('status').textContent(), 'web.service failed');
  assert.equal(await page.evaluate('window.sameDocument'), true);
  await page.waitForTimeout(600);
  world.fail('left\u202eecivres.service');
  await page.getByRole('status').getByText('left\\u{202e}ecivres.service failed').waitFor();
  assert.deepEqual(errors, []);
});

test('Refresh shows a component that died a moment ago, with the script and without', async (t) => {
  for (const javaScriptEnabled of [true, false]) {
    const world = busyWorld();
    world.checks = [];
    world.check('kafka server');
    world.onRefresh = () => world.check('kafka server', { state: 'missing', found: 0 });
    const { page, url, errors, close } = await visit(world, '/', { javaScriptEnabled });
    t.after(close);
    const row = page.getByRole('row').filter({ hasText: 'kafka server' });
    assert.match((await row.textContent()) ?? '', /running[\s\S]*1 of 1/);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await row.filter({ hasText: 'missing' }).waitFor();
    assert.match((await row.textContent()) ?? '', /missing[\s\S]*0 of 1/);
    await page.getByText('Checked 2025-11-21 03:50:00 UTC, 0 s ago.').waitFor();
    assert.equal(page.url(), `${url}/`);
    assert.equal(world.refreshes, 1);
    assert.deepEqual(errors, []);
  }
});

test('axe finds nothing on any page, in light and dark, wide and narrow', async (t) => {
  const world = busyWorld();
  world.fail('queue.service');
  const server = await world.serve();
  t.after(() => server.close());
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1_200, 360]) {
      const context = await chromium.browser.newContext({
        ...{ colorScheme, viewport: { width, height: 800 }, bypassCSP: true },
      });
      context.setDefaultTimeout(patienceMs);
      const page = await context.newPage();
      for (const path of [
        '/',
        '/service/queue.service',
        '/service/worker.service',
        '/service/processor%20gyroscope',
        '/service/kafka%20mirror',
        '/service/no',
      ]) {
        await page.goto(`http://127.0.0.1:${server.address.port}${path}`);
        await page.evaluate("sessionStorage.setItem('unitwatch-token', 'x')");
        await page.reload();
        await isLive(page);
        await page.evaluate(unfoldAll);
        await page.evaluate(axe);
        const violations = await page.evaluate(
          'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)]))',
        );
        assert.deepEqual(violations, [], `${colorScheme} ${width} ${path}`);
      }
      await context.close();
    }
  }
});

test('names that try to be markup are shown and do nothing', async (t) => {
  const world = new World();
  for (const [i, name] of hostileNames.entries()) {
    world.service(name, {}, { slice: i % 2 === 0 ? `${name}.slice` : '' });
    world.check(`check ${name}`, { reason: name, dependsOn: [name], state: 'degraded' });
    world.finding(name, { id: `crash_loop:${name}:1`, sentence: `It is called ${name}.` });
    world.repairs.push({ process: name, state: 'raised', reason: name, attempt: 1 });
    world.outages.push({ name, untilUs: 0, checks: [name] });
    world.pictures.set(name, {
      nodes: hostileNames.map((other) => ({ name: other, kind: 'unit', state: 'up' })),
      edges: hostileNames.map((other) => ({ from: name, to: other, kind: name, hard: true })),
    });
  }
  const { page, url, errors, close } = await visit(world, '/', {
    viewport: { width: 360, height: 740 },
  });
  t.after(close);
  await isLive(page);
  for (const name of hostileNames) world.fail(name);
  await page.getByText('Something is down.').waitFor();
  const harmless =
    'window.broken === undefined && document.querySelectorAll(\'script:not([src="/page.js"]), img, iframe, [onload], [onerror], [onmouseover]\').length === 0 && document.documentElement.scrollWidth <= innerWidth';
  assert.equal(await page.evaluate(harmless), true);
  const names = await page.locator('tbody th a').allInnerTexts();
  assert.ok(names.includes('<script>window.broken=1</script>.service'));
  assert.ok(names.includes('left\\u{202e}ecivres.txt.service'));
  assert.ok(names.includes('line\\x0afeed\\x09tab\\x00nul.service'));
  for (const name of hostileNames.filter((one) => !one.includes('\ud800c'))) {
    const answer = await page.goto(`${url}/service/${encodeURIComponent(name)}`);
    assert.equal(answer?.status(), 200, JSON.stringify(name));
    await isLive(page);
    assert.equal(await page.evaluate(harmless), true, JSON.stringify(name));
  }
  assert.deepEqual(errors, []);
});

test('without the script the tables, the filter and the details work', async (t) => {
  const { page, close } = await visit(busyWorld(), '/', { javaScriptEnabled: false });
  t.after(close);
  assert.equal(await page.locator('#unlock').isVisible(), false);
  await page.getByLabel('Name contains').fill('WORKER');
  await page.getByRole('button', { name: 'Filter' }).click();
  assert.deepEqual(await page.locator('tbody th').allInnerTexts(), ['worker.service']);
  await page.getByRole('rowheader').getByRole('link', { name: 'worker.service' }).click();
  await page.getByRole('heading', { name: 'worker.service' }).waitFor();
  assert.equal(await page.getByRole('img').count(), 1);
  assert.ok((await page.getByRole('row').count()) > 30);
});

test("a component's page shows what it needs and what needs it, without the script too", async (t) => {
  for (const width of [1_200, 360]) {
    const { page, url, close } = await visit(busyWorld(), '/service/processor%20gyroscope', {
      ...{ javaScriptEnabled: false, viewport: { width, height: 800 } },
    });
    t.after(close);
    await page.getByRole('heading', { name: 'Dependencies' }).waitFor();
    const drawn = page.locator('svg.graph a');
    const labels: (string | null)[] = [];
    for (const one of await drawn.all()) labels.push(await one.getAttribute('aria-label'));
    assert.deepEqual(labels.toSorted(), [
      ...['kafka server, running', 'processor gyroscope, degraded'],
      ...['sampler, unknown', 'spark master, missing'],
    ]);
    // What needs it stands above it, what it needs below.
    const top = async (name: string) =>
      (await drawn.filter({ hasText: name }).boundingBox())?.y ?? assert.fail(name);
    assert.ok((await top('sampler')) < (await top('processor gyroscope')));
    assert.ok((await top('processor gyroscope')) < (await top('spark master')));
    const rows = await page
      .getByRole('table', { name: 'Dependencies around processor gyroscope' })
      .getByRole('row')
      .allInnerTexts();
    assert.deepEqual(
      rows
        .slice(1)
        .map((row) => row.replace(/\s+/g, ' '))
        .toSorted(),
      [
        'processor gyroscope degraded needs kafka server running depends on',
        'processor gyroscope degraded needs spark master missing depends on',
        'sampler unknown needs processor gyroscope degraded depends on',
      ],
    );
    // Only the picture may be wider than the screen, and it scrolls by itself.
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    for (const link of await page.locator('main a[href^="/service/"]').all()) {
      const answer = await page.request.get(url + (await link.getAttribute('href')));
      assert.equal(answer.status(), 200, String(await link.getAttribute('href')));
    }
  }
});

test('what a component needs on another host is named, and is no link', async (t) => {
  const { page, close } = await visit(busyWorld(), '/service/kafka%20mirror');
  t.after(close);
  const away = 'kafka server (on another host)';
  await page.locator('svg.graph text').getByText('(on an').waitFor();
  assert.equal(await page.getByRole('link', { name: away }).count(), 0);
  const row = page.getByRole('row').filter({ hasText: away });
  assert.match(
    ((await row.textContent()) ?? '').replace(/\s+/g, ' '),
    /needs kafka server \(on another host\) not checked here/,
  );
});

test('the keyboard alone reaches everything, and keeps its place when the page changes', async (t) => {
  const world = busyWorld();
  const { page, url, errors, close } = await visit(world, '/');
  t.after(close);
  await isLive(page);
  const focused = (): Promise<string> =>
    page.evaluate(
      "(() => { const at = document.activeElement; return at.getAttribute('aria-label') || at.textContent || at.id || at.tagName; })()",
    );
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  assert.equal(await page.getByText('Skip to the content').isVisible(), true);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('document.activeElement.id'), 'main');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'filter-text');
  for (const want of ['Only problems', 'Filter', 'worker.service']) {
    await page.keyboard.press('Tab');
    if (want !== 'Only problems') assert.equal(await focused(), want);
  }
  const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
  assert.equal(outline, 'solid');
  world.fail('web.service');
  await page
    .getByRole('row')
    .filter({ hasText: 'web.service' })
    .filter({ hasText: 'failed' })
    .waitFor();
  assert.equal(await focused(), 'worker.service');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${url}/service/worker.service`);
  assert.deepEqual(errors, []);
});

test('typing filters, and the filter stays when the page changes', async (t) => {
  const world = busyWorld();
  for (let i = 0; i < 500; i++) world.service(`unit-${i}.service`);
  const { page, url, errors, close } = await visit(world, '/');
  t.after(close);
  await isLive(page);
  assert.equal(await page.getByText('unit-77.service').isVisible(), false);
  await page.getByLabel('Name contains').pressSequentially('unit-77');
  await page.getByRole('link', { name: 'unit-77.service' }).waitFor();
  assert.equal(page.url(), `${url}/?filter=unit-77`);
  assert.deepEqual(await page.locator('tbody th').allInnerTexts(), ['unit-77.service']);
  world.fail('unit-77.service');
  await page.getByRole('row').filter({ hasText: 'failed' }).waitFor();
  assert.equal(await page.getByLabel('Name contains').inputValue(), 'unit-77');
  assert.deepEqual(await page.locator('tbody th').allInnerTexts(), ['unit-77.service']);
  assert.deepEqual(errors, []);
});

test('an unfolded group stays unfolded when the page changes', async (t) => {
  const world = busyWorld();
  for (let i = 0; i < 50; i++) world.service(`unit-${i}.service`);
  const { page, close } = await visit(world, '/');
  t.after(close);
  await isLive(page);
  const unit = page.getByRole('link', { name: 'unit-7.service' });
  assert.equal(await unit.isVisible(), false);
  await page.locator('summary', { hasText: 'system.slice' }).click();
  assert.equal(await unit.isVisible(), true);
  world.fail('unit-8.service');
  await page
    .getByRole('row')
    .filter({ hasText: 'unit-8.service' })
    .filter({ hasText: 'failed' })
    .waitFor();
  assert.equal(await unit.isVisible(), true);
});

test('actions appear with a token, and a wrong one is thrown away', async (t) => {
  const world = busyWorld();
  const { page, errors, close } = await visit(world, '/service/worker.service');
  t.after(close);
  page.on('dialog', (dialog) => dialog.accept());
  const restart = page.getByRole('button', { name: 'Restart worker.service' });
  assert.equal(await restart.isVisible(), false);
  await page.getByLabel('Token for actions').fill('wrong');
  await page.getByRole('button', { name: 'Unlock actions' }).click();
  await restart.click();
  await page.getByText('The token is missing or wrong').waitFor();
  assert.equal(await restart.isVisible(), false);
  assert.deepEqual(world.asked, []);
  // The browser itself writes a refused request to its console.
  assert.equal(errors.splice(0).filter((text) => !text.includes('401')).length, 0);
  await page.getByLabel('Token for actions').fill(token);
  await page.keyboard.press('Enter');
  await restart.click();
  await page.getByText('It was done.').waitFor();
  await page.getByRole('button', { name: 'Acknowledge worker.service' }).click();
  await page.waitForFunction("document.getElementById('news').textContent.includes('done')");
  assert.deepEqual(world.asked, [
    'restart worker.service',
    'acknowledge crash_loop:worker.service:1',
  ]);
  await page.getByRole('button', { name: 'Lock actions' }).click();
  assert.equal(await restart.isVisible(), false);
  assert.equal(await page.evaluate('document.cookie + localStorage.length'), '0');
  assert.deepEqual(errors, []);
});

test('on a phone nothing is wider than the window', async (t) => {
  const world = busyWorld();
  const { page, url, close } = await visit(world, '/', { viewport: { width: 360, height: 740 } });
  t.after(close);
  for (const path of ['/', '/service/queue.service', '/service/worker.service', '/?filter=x']) {
    await page.goto(url + path);
    await page.evaluate(unfoldAll);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360, path);
  }
});

test('another site can neither read, nor act, nor refresh, nor frame the page', async (t) => {
  const world = busyWorld();
  const { page, url, close } = await visit(world, '/');
  t.after(close);
  const { port } = new URL(url);
  // The same server under another name is another site to a browser.
  await page.goto(`http://localhost:${port}/`);
  await isLive(page);
  const foreign = JSON.stringify(url);
  const outcomes = await page.evaluate(`(async () => {
    const tried = async (path, options) => {
      try { const answer = await fetch(${foreign} + path, options); return String(answer.status) + answer.type; }
      catch { return 'refused'; }
    };
    const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ${token}' };
    const body = '{"action":"stop","name":"web.service"}';
    return [
      await tried('/api/status'),
      await tried('/api/actions', { method: 'POST', headers, body }),
      await tried('/api/actions', { method: 'POST', mode: 'no-cors', body }),
      await tried('/refresh', { method: 'POST', mode: 'no-cors' }),
    ];
  })()`);
  // The page's own policy allows no connection elsewhere, so each ends in the browser.
  assert.deepEqual(outcomes, ['refused', 'refused', 'refused', 'refused']);
  const bare = await chromium.browser.newContext({ bypassCSP: true });
  t.after(() => bare.close());
  const evil = await bare.newPage();
  await evil.goto(`http://localhost:${port}/healthz`);
  await evil.setContent(`<form method="post" action="${url}/refresh"><button>win</button></form>
<iframe src="${url}/"></iframe>`);
  await Promise.all([evil.waitForNavigation(), evil.getByText('win').click()]);
  assert.match(await evil.content(), /Another site asks for this: refused/);
  assert.equal(world.refreshes, 0);
  assert.deepEqual(world.asked, []);
});
