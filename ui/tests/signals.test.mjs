// Traces compared, heat maps, the map in groups, saved views, answers on incidents, and configurations of collectors.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch, presentable, shown, skip, visits } from './browser.mjs';
import { feed, feedHistogram, feedIncident } from './data.mjs';
import { start } from './server.mjs';

let server, browser, on, failed, other;

before(async () => {
  if (skip) return;
  server = await start();
  await feedIncident(server.otlp, { service: 'stock', route: '/stock', minutes: 12, fails: [9, 6] });
  failed = await feed(server.otlp);
  await feedHistogram(server.otlp);
  await feedIncident(server.otlp);
  const answer = await fetch(`${server.api}/v1/traces:query`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ query: { operations: ['SELECT orders'], maxDuration: '0.1s', filter: { limit: 1 } } }) });
  other = (await answer.json()).traces[0].traceId;
  browser = await launch();
  on = visits(browser, server.api);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a rectangle of the heat map shows its traces and what they have in common', { skip }, () =>
  on('/traces?from=15m', /Durations of requests/, async (page) => {
    const map = page.getByRole('figure', { name: 'Durations of requests' }).locator('canvas');
    await map.waitFor();
    const box = await map.boundingBox();
    await page.mouse.move(box.x + 80, box.y + 8); // the longest: those that failed
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 10, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/box=/);
    await shown(page, /traces in the selection/);
    await page.waitForFunction(() => [...document.querySelectorAll('main table:last-of-type tbody tr')].every((r) => !/\b\d\d ms\b/.test(r.textContent ?? '')));
    await page.reload();
    await shown(page, /traces in the selection/);
    await page.getByRole('button', { name: 'Clear selection' }).click();
    await page.waitForURL((url) => !url.search.includes('box='));
    await page.getByRole('application', { name: /^Durations of requests/ }).focus();
    for (const key of ['ArrowLeft', 'Shift+ArrowDown', 'Shift+ArrowLeft', 'Enter']) await page.keyboard.press(key);
    await page.waitForURL(/box=/);
    await page.keyboard.press('Escape');
    await page.waitForURL((url) => !url.search.includes('box='));
  }));

test('two traces are compared by their calls, and a trace is a flame graph', { skip }, async () => {
  await on(`/traces/${failed}?compare=${other}`, 'A compared with B', async (page) => {
    const calls = page.getByRole('list', { name: 'Calls of both traces' });
    await calls.getByText('SELECT orders').waitFor();
    assert.match(await calls.getByRole('listitem').filter({ hasText: 'SELECT orders' }).innerText(), /✖ 1 → 0[^]*899 ms[^]*\d\d ms[^]*−8\d\d ms/);
    await page.getByRole('link', { name: 'Swap' }).click();
    await page.waitForURL(new RegExp(`/traces/${other}\\?compare=${failed}`));
    await page.getByRole('button', { name: 'Flame', exact: true }).click();
    await page.waitForURL(/view=flame/);
    await page.getByRole('application', { name: 'Flame graph of the trace' }).waitFor();
  });
  await on('/traces?from=15m', /\d+ traces/, async (page) => {
    for (const n of [0, 1]) await page.getByRole('checkbox').nth(n).check();
    await page.getByRole('link', { name: 'Compare the two traces' }).click();
    await page.waitForURL(/compare=[0-9a-f]{32}/);
  });
});

test('a histogram is a heat map', { skip }, () =>
  on('/metrics?metric=queue.wait&view=heat&from=15m', 'queue.wait', async (page) => {
    const map = page.getByRole('img', { name: /^queue.wait: [1-9]/ });
    await map.waitFor();
    await page.getByRole('button', { name: 'Lines' }).click();
    await page.waitForURL((url) => !url.search.includes('view='));
    await page.getByRole('figure').locator('canvas').waitFor();
  }));

test('several queries of the builder share a page, one chart for each unit', { skip }, () =>
  on('/metrics?metric=process.memory.usage&from=15m', 'avg of process.memory.usage', async (page) => {
    await page.getByRole('button', { name: 'Add a query' }).click();
    await page.getByRole('list', { name: 'Metrics' }).getByText('queue.wait').click();
    await shown(page, 'B p95 of queue.wait');
    await page.waitForFunction(() => document.querySelectorAll('main figure canvas').length === 2);
    await page.getByRole('button', { name: /^A avg of process.memory.usage/ }).click();
    await page.getByLabel('Aggregation').selectOption('MAX');
    await shown(page, 'A max of process.memory.usage');
    await presentable(page);
    await page.reload();
    await shown(page, 'B p95 of queue.wait');
    await page.waitForFunction(() => document.querySelectorAll('main figure canvas').length === 2);
    await page.getByRole('button', { name: 'Remove query B' }).click();
    await page.waitForFunction(() => document.querySelectorAll('main figure canvas').length === 1);
    assert.match(page.url(), /metric=process.memory.usage/);
    assert.doesNotMatch(page.url(), /also=|at=/);
  }));

test('services of a namespace are one box that opens', { skip }, () =>
  on('/map?by=namespace', /▣ shop/, async (page) => {
    assert.doesNotMatch(await page.locator('main svg').textContent(), /checkout/);
    await page.locator('main svg a').filter({ hasText: '▣ shop' }).click();
    await page.waitForURL(/open=shop/);
    await shown(page, 'checkout');
    await page.getByLabel('Fold shop').click();
    await shown(page, /▣ shop/);
  }));

test('a view is saved under a name, found in the palette, and removed', { skip }, () =>
  on('/logs?service=payment', /payment of order/, async (page) => {
    await page.keyboard.press('v');
    await page.getByLabel('Name').fill('payments that fail');
    await page.getByRole('button', { name: 'Save this view' }).click();
    await page.getByRole('dialog').getByRole('link', { name: 'payments that fail' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Fleet' }).click();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('payments that');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/logs\?service=payment/);
    await page.keyboard.press('v');
    await page.getByRole('button', { name: 'Remove the view payments that fail' }).click();
    await shown(page, 'None yet.');
  }));

test('an answer on the cause of an incident is stored and counted', { skip }, () =>
  on('/incidents', /basket has been failing|basket fail/, async (page) => {
    await page.locator('a.incident').filter({ hasText: 'basket' }).first().click();
    await shown(page, 'No other service is affected.');
    await presentable(page);
    await page.getByRole('application', { name: /^Timeline/ }).focus();
    await page.keyboard.press('+');
    await page.waitForURL(/zoom=/);
    await page.keyboard.press('Escape');
    await page.waitForURL((url) => !url.search.includes('zoom='));
    await page.getByRole('button', { name: 'Wrong', exact: true }).click();
    await shown(page, '0 × right, 1 × wrong');
    await page.reload();
    await shown(page, '0 × right, 1 × wrong');
  }));

test('an incident that is over shows how long it took, and its evidence', { skip }, () =>
  on('/incidents?state=resolved', /Resolved after/, async (page) => {
    await page.locator('a.incident').filter({ hasText: 'stock' }).first().click();
    await shown(page, /○ resolved · [23] min/);
    await shown(page, /until \d\d:\d\d:\d\d/);
    await page.getByRole('img', { name: /stock POST .stock durations/ }).or(page.locator('main figure canvas')).first().waitFor();
  }));

test('a configuration shows what changed, is checked, and sent', { skip }, async () => {
  const register = await fetch(`${server.api}/v1/collectors`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ collector: { collectorId: 'edge-1', collectorType: 'otelcol' } }) });
  assert.equal(register.status, 200);
  await on('/fleet?collector=edge-1', 'Desired configuration of edge-1', async (page) => {
    const content = page.getByRole('textbox', { name: 'Content' });
    await content.fill('receivers:\n  otlp:\n');
    await page.getByRole('button', { name: 'Send to the collector' }).click();
    await shown(page, 'Version 1, set');
    await content.fill('receivers:\n  otlp:\n  hostmetrics:\n');
    assert.match(await page.getByLabel('Changes').innerText(), /\+ +hostmetrics:/);
    await page.getByRole('button', { name: 'Check' }).click();
    await shown(page, 'The server would take it.');
    await page.getByRole('button', { name: 'Send to the collector' }).click();
    await shown(page, 'Version 2, set');
  });
});
