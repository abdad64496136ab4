// What goes on at once and for long: live tails of many tabs, a server that is restarted, a slow network, and much data.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch, open, shown, skip, visits } from './browser.mjs';
import { feed, feedLogs, feedServices } from './data.mjs';
import { portOf, proxy } from './proxy.mjs';
import { start } from './server.mjs';

let server, browser, on;

before(async () => {
  if (skip) return;
  server = await start();
  await feed(server.otlp);
  browser = await launch();
  on = visits(browser, server.api);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const openStreams = async () => Number((await (await fetch(server.api + '/v1/server/metrics')).json()).openStreamCount ?? 0);

test('eight tabs follow at once over one stream, and leave the connections to other pages', { skip }, async () => {
  const context = await browser.newContext();
  const tabs = [];
  for (let i = 0; i < 8; i++) {
    const tab = await open(context, server.api);
    await tab.page.goto(`${server.api}/logs?follow=1&service=${i < 2 ? 'shared' : 'live-' + i}`);
    await shown(tab.page, 'Waiting for records');
    tabs.push(tab);
  }
  for (let i = 0; i < 8; i++) await feedLogs(server.otlp, 1, { service: i < 2 ? 'shared' : 'live-' + i, text: `for tab ${i}, record` });
  await Promise.all(tabs.map(({ page }, i) => shown(page, `for tab ${i}, record 0`)));
  for (const i of [0, 1]) assert.equal(await tabs[i].page.getByText(/for tab [01], record 0/).count(), 2, 'both tabs with the same conditions have both records once');
  const streams = [];
  for (let i = 0; i < 5; i++) streams.push(await openStreams());
  assert.ok(Math.min(...streams) >= 1 && Math.max(...streams) <= 2, `one stream, and at most one poll at a time: ${streams}`);
  const last = await open(context, server.api);
  await last.page.goto(server.api + '/services/checkout');
  await shown(last.page, 'POST /checkout');
  assert.deepEqual([...tabs, last].flatMap((t) => t.trouble), []);
  // The first tab had the stream: another one takes it over.
  await tabs[0].page.close();
  await tabs[1].page.close();
  await feedLogs(server.otlp, 1, { service: 'live-7', text: 'later' });
  await shown(tabs[7].page, 'later 0');
  await context.close();
  for (let left = 100; (await openStreams()) > 0; left--) {
    assert.ok(left > 0, 'no stream stays open without tabs');
    await new Promise((done) => setTimeout(done, 100));
  }
});

test('a browser without SharedWorker follows too', { skip }, () =>
  on('/', /open incident|Waiting/, async (page) => {
    await page.addInitScript(() => delete globalThis.SharedWorker);
    await page.goto(server.api + '/logs?follow=1&service=alone');
    await shown(page, 'Waiting for records');
    await feedLogs(server.otlp, 1, { service: 'alone', text: 'heard' });
    await shown(page, 'heard 0');
  }));

test('pages and tails go on after the server was restarted without its data', { skip }, async () => {
  const first = await start();
  const between = await proxy(portOf(first.api));
  let second;
  try {
    await feedLogs(first.otlp, 300, { text: 'before' });
    await visits(browser, between.url)('/logs?follow=1', 'before 299', async (page) => {
      between.turn(undefined);
      await first.stop();
      await shown(page, 'The server does not answer');
      second = await start();
      await feedLogs(second.otlp, 3, { text: 'after' });
      between.turn(portOf(second.api));
      await shown(page, 'after 2');
      await page.getByText('The server does not answer').first().waitFor({ state: 'hidden' });
      await page.getByRole('link', { name: 'Status' }).first().click();
      await shown(page, 'Nothing is lost.');
    }, {}, /ERR_|Failed to load/);
  } finally {
    await second?.stop();
    await between.stop();
  }
});

test('a slow network delays pages and breaks none', { skip }, () =>
  on('/', /open incident|Waiting/, async (page) => {
    const network = await page.context().newCDPSession(page);
    await network.send('Network.enable');
    await network.send('Network.emulateNetworkConditions', { offline: false, latency: 400, downloadThroughput: 60_000, uploadThroughput: 30_000 });
    for (const [path, shows] of [['/traces', /\d+ traces/], ['/map', 'payments-db']]) {
      await page.goto(server.api + path, { waitUntil: 'commit' });
      await shown(page, shows);
      assert.equal(await page.getByRole('alert').count(), 0);
    }
  }));

test('10,000 records scroll with only those in sight in the page', { skip }, async (t) => {
  await feedLogs(server.otlp, 10_000);
  await on('/logs?service=bulk', '1,000 records', async (page) => {
    for (let n = 2; n <= 10; n++) {
      await page.getByRole('button', { name: 'Load 1,000 more' }).click();
      await shown(page, `${n},000 records`);
    }
    // The refresh of the page takes none of them away.
    await page.keyboard.press('r');
    await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
    await page.getByRole('button', { name: 'Back to the newest' }).waitFor();
    await shown(page, '10,000 records');
    const { most, long } = await page.evaluate(async () => {
      const long = [];
      new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => Math.round(e.duration)))).observe({ type: 'longtask' });
      const list = document.querySelector('[aria-label="Log records"]');
      let most = 0;
      for (let i = 0; i <= 60; i++) {
        list.scrollTop = (list.scrollHeight * i) / 60;
        await new Promise(requestAnimationFrame);
        most = Math.max(most, list.querySelectorAll('[role=listitem]').length);
      }
      await new Promise((done) => setTimeout(done, 100));
      return { most, long };
    });
    t.diagnostic(`tasks above 50 ms while scrolling through 10,000 rows: ${long.length ? long.join(', ') + ' ms' : 'none'}`);
    assert.ok(most > 10 && most < 100, `${most} rows in the page`);
    await page.getByText('line 0', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Back to the newest' }).click();
    await page.waitForFunction(() => /\b1,000 records/.test(document.querySelector('main')?.innerText ?? ''));
  });
});

test('a map of 300 services is folded, searched, and stays live', { skip }, async () => {
  const own = await start();
  try {
    await feedServices(own.otlp, 300);
    await visits(browser, own.api)('/map', /▣ team-14/, async (page) => {
      const boxes = page.locator('main svg a[href]');
      assert.ok(await boxes.count() <= 80, 'at most 80 boxes');
      await page.locator('main svg a').filter({ hasText: '▣ team-3' }).click();
      await shown(page, 'svc-065');
      await page.getByLabel('Group by').selectOption('none');
      await shown(page, /2\d\d more are hidden/);
      await page.getByLabel('Find a service').fill('svc-123');
      await page.waitForFunction(() => document.querySelectorAll('main svg a').length === 4);
      await feedServices(own.otlp, 301);
      await page.getByLabel('Find a service').fill('svc-300');
      await page.getByRole('main').focus();
      await page.keyboard.press('r');
      await page.locator('main svg a').filter({ hasText: 'svc-300' }).waitFor();
    });
  } finally {
    await own.stop();
  }
});
