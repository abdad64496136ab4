// The pages on the built collector in a real browser. Run by `make ui-test`; skipped with a word where no Chromium is found.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { executablePath, launch, open } from './browser.mjs';
import { evil, feed, feedLargeTrace } from './data.mjs';
import { start } from './server.mjs';

const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}: install it, or set CHROMIUM`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let server, browser, trace;

before(async () => {
  if (skip) return;
  server = await start();
  trace = await feed(server.otlp);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the page holds the text, in a chart or a map too. */
async function shown(page, text) {
  const pattern = text instanceof RegExp ? text.source : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  await page.waitForFunction((p) => new RegExp(p).test(document.body.textContent ?? ''), pattern, { timeout: 60_000 });
}

/** Opens a page, waits until it shows the text, hands it over, and holds that nothing went wrong. */
async function on(path, shows, check = async () => {}, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: false, ...options });
  const { page, trouble } = await open(context, server.api);
  try {
    await page.goto(server.api + path);
    await shown(page, shows);
    await check(page);
    assert.deepEqual(trouble, [], path);
  } catch (e) {
    e.message += '\n' + (await page.locator('main').innerText().catch(() => '')).slice(0, 1000) + '\n' + trouble.join('\n');
    throw e;
  } finally {
    await context.close();
  }
}

const pages = () => [
  ['/', /open incident|Waiting for telemetry/], ['/incidents', 'Incidents'], ['/map', 'payments-db'], ['/services/checkout', 'POST /checkout'],
  ['/logs', /payment of order/], ['/kernel', /events/i], ['/traces', /\d+ traces/], ['/traces/' + trace, 'SELECT orders'],
  ['/metrics?metric=process.memory.usage', 'process.memory.usage'], ['/fleet', 'Fleet'], ['/status', 'Nothing is lost.'], ['/nothing', /Not Found|No such page|404/i],
];

test('every page shows its data, without errors and within WCAG AA', { skip }, async (t) => {
  for (const [path, shows] of pages().slice(0, -1)) {
    for (const colorScheme of ['light', 'dark']) {
      await t.test(`${path} ${colorScheme}`, () => on(path, shows, async (page) => {
        await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
        const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }); })()`).catch((e) => ({ violations: [{ id: String(e) }] }));
        assert.deepEqual(found.violations.map((v) => [v.id, v.nodes?.[0]?.html, v.nodes?.[0]?.failureSummary]), []);
      }, { colorScheme }));
    }
  }
});

test('a narrow screen shows each page without a horizontal bar', { skip }, async (t) => {
  for (const [path, shows] of pages().slice(0, -1)) {
    await t.test(path, () => on(path, shows, async (page) => {
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'the page is wider than the screen');
    }, { viewport: { width: 360, height: 740 } }));
  }
});

test('records are data: nothing in them runs, and hidden characters are shown', { skip }, () =>
  on('/logs?severity=warn', '⟨U+202E⟩', async (page) => {
    assert.match(await page.title(), /Logs/);
    assert.ok((await page.locator('main').innerText()).includes('<img src=x'), evil);
  }));

test('conditions are in the URL, the back button and a reload keep them', { skip }, () =>
  on('/logs', /request 119 served/, async (page) => {
    await page.getByLabel('Filter', { exact: true }).fill('service=payment');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=service%3Dpayment/);
    await shown(page, 'payment of order');
    await page.waitForFunction(() => !document.querySelector('main')?.textContent?.includes('request 119 served'));
    await page.reload();
    await shown(page, 'payment of order');
    await page.goBack();
    await shown(page, /request 119 served/);
  }));

test('the keyboard is enough', { skip }, () =>
  on('/', /open incident/, async (page) => {
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.waitForURL(/\/traces/);
    await shown(page, /\d+ traces/);
    await page.keyboard.press('e');
    await page.waitForURL(/status=error/);
    await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].length > 0 && [...document.querySelectorAll('tbody tr')].every((r) => r.textContent?.includes('✖')));
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
    await shown(page, 'SELECT orders');
    await page.keyboard.press('/');
    await page.keyboard.type('db.system.name=postgresql');
    await shown(page, '1 of 1');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('checkout');
    await page.getByRole('option', { name: 'service checkout' }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/services\/checkout/);
  }));

test('a live tail shows new records once, in order', { skip }, () =>
  on('/logs?follow=1', /payment of order|request \d+ served/, async (page) => {
    await feed(server.otlp, { requests: 3, minutes: 0.01 });
    await shown(page, /followed/);
    await page.waitForFunction(() => (document.querySelector('main')?.textContent?.match(/request 2 served/g) ?? []).length >= 1);
  }));

test('the page goes on after the server was away', { skip }, async () => {
  const own = await start();
  await feed(own.otlp);
  const context = await browser.newContext();
  const { page } = await open(context, own.api);
  await page.goto(own.api + '/status');
  await shown(page, 'Nothing is lost.');
  await page.route('**/v1/**', (r) => r.abort());
  await page.keyboard.press('r');
  await shown(page, 'The server does not answer');
  await page.unroute('**/v1/**');
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.getByText('The server does not answer').first().waitFor({ state: 'hidden' });
  await context.close();
  await own.stop();
});

test('a trace of 50,000 spans stays usable', { skip }, async () => {
  const id = await feedLargeTrace(server.otlp, 50_000);
  await on('/traces/' + id, '50,000 spans', async (page) => {
    await page.getByRole('searchbox').fill('query 49999');
    await shown(page, '1 of 1');
    await shown(page, 'query 49999');
    assert.ok(await page.locator('[role=listitem]').count() < 200, 'only the rows in sight are in the page');
  });
});

test('a server that asks for credentials gets them from the login form', { skip }, async () => {
  const own = await start(', auth: {authenticator: basicauth/ui}', '  basicauth/ui: {htpasswd: {inline: "ann:secret"}}').catch((e) => e);
  if (own instanceof Error) return assert.match(own.message, /unknown type|invalid keys/); // a distribution without basicauth
  const context = await browser.newContext();
  const { page } = await open(context, own.api);
  await page.goto(own.api + '/status');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.getByLabel('User').fill('ann');
  await page.getByLabel('Password').fill('secret');
  await page.getByRole('button', { name: 'Log in' }).click();
  await shown(page, 'Nothing is lost.');
  await context.close();
  await own.stop();
});
