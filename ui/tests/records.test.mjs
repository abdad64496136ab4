// Logs, events of the kernel, files that pages save, and answers that lack a source.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { launch, shown, skip, visits } from './browser.mjs';
import { feed, feedProcesses } from './data.mjs';
import { start } from './server.mjs';

let server, browser, on;

before(async () => {
  if (skip) return;
  server = await start();
  await feed(server.otlp);
  await feedProcesses(server.otlp);
  browser = await launch();
  on = visits(browser, server.api);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Saves what a button of the page offers: its name and content. */
async function saved(page, name, kind) {
  await page.getByRole('button', { name: `Save ${name}`, exact: true }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `Save ${name} as ${kind}` }).click()]);
  return [file.suggestedFilename(), readFileSync(await file.path())];
}
const png = (data) => [data.subarray(1, 4).toString(), data.readUInt32BE(16), data.readUInt32BE(20)];

test('an answer without one of its members says so, on each page', { skip }, async () => {
  const own = await start('', '', ', members: {endpoints: ["localhost:1"], timeout: 2s}');
  try {
    await feed(own.otlp, { requests: 20 });
    await visits(browser, own.api)('/logs', /payment of order/, async (page) => {
      await shown(page, 'What you see is not complete: localhost:1 could not be reached');
      await page.getByRole('link', { name: 'Map' }).click();
      await shown(page, 'payments-db');
      await shown(page, 'localhost:1 could not be reached');
    });
  } finally {
    await own.stop();
  }
});

test('an answer of a server with tiers names those that it was read from, and those that are missing', { skip }, async () => {
  const calls = { '/logs': '**/v1/logs:query', '/traces': '**/v1/traces:query', '/metrics?metric=process.memory.usage': '**/v1/metrics:query', '/profiles': '**/v1/profiles:query' };
  for (const [path, call] of Object.entries(calls)) {
    await on('/fleet', 'Fleet', async (page) => {
      await page.route(call, async (route) => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, sources: ['memory', 'edge-1/clickhouse'], notes: [{ source: 'archive', state: 'STATE_LATE', message: 'no answer within 2 s' }] } });
      });
      await page.goto(server.api + path);
      await shown(page, 'Read from edge-1/clickhouse, memory.');
      await shown(page, 'What you see is not complete: archive did not answer in time');
      await page.getByRole('link', { name: 'Fleet' }).click();
      await page.getByText('Read from').waitFor({ state: 'hidden' });
    });
  }
});

test('the newest records are asked for first, then more, and then no more until the clock ticks', { skip }, () =>
  on('/logs', /payment of order/, async (page) => {
    await page.waitForLoadState('networkidle');
    assert.equal(await page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/v1/logs:query')).length), 2);
  }));

test('patterns put records together, and one leads to its records', { skip }, () =>
  on('/logs?view=patterns', /payment of order <\*> failed/, async (page) => {
    const row = (text) => page.locator('main tbody tr').filter({ hasText: text });
    assert.match(await row('payment of order').innerText(), /18\s+[\d.]+ %\s+✖ ERROR\s+payment/);
    assert.match(await row('request <*> served').innerText(), /120\s+[\d.]+ %/);
    const [name, csv] = await saved(page, 'patterns', 'CSV');
    assert.equal(name, 'patterns.csv');
    assert.match(String(csv), /^18,error,payment,payment of order <\*> failed\r$/m);
    await row('payment of order').getByRole('button').click();
    await page.waitForURL(/text=payment\+of\+order/);
    await shown(page, 'payment of order 0 failed');
  }));

test('a record shows its context, and an attribute becomes a column, all in the URL', { skip }, () =>
  on('/logs?q=service%3Dfrontend&text=request+60', /request 60 served/, async (page) => {
    await page.getByText('request 60 served').click();
    await page.waitForURL(/record=/);
    await page.getByRole('button', { name: '± 5', exact: true }).click();
    const context = page.getByRole('list', { name: 'Context' });
    await context.getByText('request 55 served').waitFor();
    assert.equal(await context.getByRole('listitem').count(), 11);
    assert.equal(await context.locator('.here').innerText().then((t) => /request 60 served/.test(t)), true);
    await page.getByRole('button', { name: 'Column service.version' }).click();
    await page.waitForURL(/col=service.version/);
    await page.reload();
    await page.getByRole('complementary', { name: 'Record' }).getByText('request 60 served').first().waitFor();
    await page.getByRole('button', { name: 'Remove the column service.version' }).waitFor();
    const [, json] = await saved(page, 'logs', 'JSON');
    assert.equal(JSON.parse(String(json)).find((r) => r.body === 'request 60 served').resource['service.version'], '1.0.4');
  }));

test('events of the kernel are filtered by a cell, and processes are a tree', { skip }, () =>
  on('/kernel', 'exit make: code 2', async (page) => {
    assert.doesNotMatch(await page.locator('main').innerText(), /request \d+ served/, 'a log record is no event');
    await page.getByRole('list', { name: 'Events' }).getByRole('button', { name: 'tapio.process.exit' }).first().click();
    await page.waitForURL(/event=tapio\.process\.exit/);
    await page.waitForFunction(() => !/exec make/.test(document.querySelector('[aria-label=Events]')?.textContent ?? ''));
    await page.goBack();
    await page.getByRole('button', { name: 'Processes' }).click();
    const tree = page.getByRole('list', { name: 'Processes' });
    await tree.getByText('make test').waitFor();
    assert.match(await tree.getByRole('listitem').filter({ hasText: 'make test' }).innerText(), /✖ make[^]*200[^]*make test[^]*4 s[^]*code 2/);
    await tree.getByText('× 5').click();
    await tree.getByText('true 3').last().waitFor();
    await page.getByRole('button', { name: 'Only failed' }).click();
    await page.waitForFunction(() => !/× 5/.test(document.querySelector('[aria-label=Processes]')?.textContent ?? ''));
  }));

test('charts and tables are saved as CSV, JSON and PNG', { skip }, async () => {
  await on('/metrics?metric=process.memory.usage&from=15m', 'process.memory.usage', async (page) => {
    await page.getByRole('figure').locator('canvas').waitFor();
    const [name, picture] = await saved(page, 'process.memory.usage', 'PNG');
    assert.equal(name, 'process.memory.usage.png');
    const [magic, width, height] = png(picture);
    assert.ok(magic === 'PNG' && width > 800 && height > 600, `${magic} ${width} x ${height}`);
    const [, json] = await saved(page, 'process.memory.usage', 'JSON');
    assert.ok(JSON.parse(String(json)).every((p) => p.time && p['process.memory.usage'] >= 1e8));
  });
  await on('/map', 'payments-db', async (page) => {
    const [, picture] = await saved(page, 'map', 'PNG');
    assert.equal(png(picture)[0], 'PNG');
    const [, csv] = await saved(page, 'map', 'CSV');
    assert.match(String(csv), /^service:frontend,service:checkout,120,/m);
  });
});
