// The pages on the built collector in a real browser. Run by `make ui-test`; skipped with a word where no Chromium is found.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { launch, open, presentable, shown, skip, visits } from './browser.mjs';
import { evil, feed, feedLargeTrace, feedProfiles } from './data.mjs';
import { issuer } from './issuer.mjs';
import { start } from './server.mjs';

// A rule that always fires, an objective, and a receiver of notifications that nothing listens at.
const rules = `
groups:
  - name: shop
    interval: 1s
    rules:
      - {record: "shop:one", expr: vector(1)}
      - {alert: CheckoutFails, expr: 'vector(7) > 0', labels: {severity: error, service: checkout}, annotations: {summary: checkout fails}}
      - {alert: NeverFires, expr: 'vector(0) > 1', for: 5m}
`;
const settings = ', rules: {files: ["RULES"]}, slos: {objectives: [{name: orders, service: checkout, availability: {target: 99.9}, latency: {target: 50, threshold: 1h}}]}' +
  ', notifications: {receivers: [{name: ops, webhook: {endpoint: "http://localhost:1/"}}], routes: [{receivers: [ops]}]}';
let server, browser, trace, spanId, on;

before(async () => {
  if (skip) return;
  server = await start('', '', settings, rules);
  trace = await feed(server.otlp);
  const timeline = await (await fetch(`${server.api}/v1/traces/${trace}/timeline`)).json();
  spanId = timeline.spans.find((s) => s.service === 'checkout').span.spanId;
  await feedProfiles(server.api, { traceId: trace, spanId });
  browser = await launch();
  on = visits(browser, server.api);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const pages = () => [
  ['/', /open incident|Waiting for telemetry/], ['/incidents', 'Incidents'], ['/map', 'payments-db'], ['/services/checkout', 'POST /checkout'],
  ['/logs', /payment of order/], ['/kernel', /events/i], ['/traces', /\d+ traces/], ['/traces/' + trace, 'SELECT orders'], [`/traces/${trace}?compare=${trace}&show=all`, 'A compared with B'], ['/logs?view=patterns', 'payment of order <*> failed'],
  ['/profiles?from=15m', 'main.hash'], ['/profiles?from=15m&baseline=before&function=main.checkout&find=json', 'scaled to the same profiled time'],
  ['/profiles?from=15m&view=table&function=main.checkout', 'Call tree'], ['/profiles?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z', 'tapioctl profile upload'],
  ['/metrics?metric=process.memory.usage', 'process.memory.usage'], ['/metrics?from=15m&promql=avg+by+(job)+(process_memory_usage_bytes)', 'avg by (job)'], ['/alerts?silence=service%3Dcheckout', 'checkout fails'], ['/slos', '99.9 % succeed'], ['/fleet', 'Fleet'], ['/status', 'Nothing is lost.']
];

test('every page shows its data without errors, within WCAG AA in light and dark, on a narrow screen, and what it shows can be saved', { skip }, async (t) => {
  for (const [path, shows] of pages()) await t.test(path, () => on(path, shows, presentable, { colorScheme: 'light' }));
});

test('the waterfall of a trace has a time scale from 0 to its duration', { skip }, () =>
  on('/traces/' + trace, 'SELECT orders', async (page) => {
    const scale = page.locator('.scale');
    assert.deepEqual(await scale.locator('.track span').allInnerTexts(), ['0 s', '226 ms', '452 ms', '678 ms']);
    assert.equal(await scale.locator('.took').innerText(), '904 ms');
    const [track, bar] = [await scale.locator('.track').boundingBox(), await page.locator('.bar').first().boundingBox()];
    assert.ok(Math.abs(track.x - bar.x) < 3 && Math.abs(track.width - bar.width) < 6, `the scale is at ${track.x}, ${track.width} wide, the root's bar at ${bar.x}, ${bar.width} wide`);
  }));

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

test('times are those of UTC or of the browser, on each page', { skip }, () =>
  on('/logs?service=payment', 'payment of order', async (page) => {
    const shownAt = () => page.getByRole('list', { name: 'Log records' }).getByRole('listitem').first().locator('.mono').first().innerText();
    const seconds = (text) => text.split(/[:.]/).slice(0, 3).reduce((sum, part) => sum * 60 + Number(part), 0);
    const utc = await shownAt();
    await page.getByRole('button', { name: 'UTC', exact: true }).click();
    await page.getByRole('button', { name: 'Local', exact: true }).waitFor();
    const local = await shownAt();
    assert.equal((seconds(local) - seconds(utc) + 86_400) % 86_400, 9 * 3600, `${utc} UTC, ${local} in Tokyo`);
    await page.getByRole('list', { name: 'Log records' }).getByRole('listitem').first().click();
    const record = await page.getByRole('complementary', { name: 'Record' }).innerText();
    assert.ok(record.includes(local.slice(0, 8)) && !record.includes('UTC'), record);
  }, { timezoneId: 'Asia/Tokyo' }));

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

const flame = (page, name = 'Flame graph of cpu') => page.getByRole('application', { name });
const detail = (page) => page.locator('.detail [role=status]').first();
const topRow = (page) => page.getByRole('region', { name: 'Top functions' }).locator('tbody tr').first();

test('a profile shows the top function, zooms by mouse and keyboard, and keeps all of it in the URL', { skip }, () =>
  on('/profiles?from=15m', 'main.hash', async (page) => {
    assert.match(await topRow(page).innerText(), /main\.hash\s+1\.2 s\s+59 %[^]*\/src\/main\.go/);
    assert.match(await page.locator('.facts').innerText(), /2 s of cpu · 2 profiles/);
    await flame(page).focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    assert.match(await detail(page).innerText(), /main\.checkout .*total 1\.7 s \(83 %\)/);
    await page.keyboard.press('Enter');
    await page.waitForURL(/zoom=/);
    const box = await flame(page).boundingBox();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 4 * 20 + 10); // main.checkout takes the width: JSON is at the right of its callees
    await page.locator('.tip').filter({ hasText: 'encoding/json.Marshal' }).filter({ hasText: '/src/encoding/json.go' }).waitFor();
    await page.mouse.click(box.x + 10, box.y + 4 * 20 + 10);
    await page.waitForFunction(() => /main\.hash .*self 1\.2 s/.test(document.querySelector('.detail [role=status]')?.textContent ?? ''));
    const zoomed = page.url();
    await page.reload();
    await page.waitForFunction(() => /main\.hash/.test(document.querySelector('.detail [role=status]')?.textContent ?? ''));
    assert.equal(page.url(), zoomed);
    await page.goBack();
    await page.waitForFunction(() => /main\.checkout/.test(document.querySelector('.detail [role=status]')?.textContent ?? ''));
    await flame(page).focus();
    await page.keyboard.press('Escape');
    await page.waitForURL((url) => !url.search.includes('zoom='));
  }));

test('a search in a profile shows the share of what it matches, in the graph and the table', { skip }, () =>
  on('/profiles?from=15m', 'main.hash', async (page) => {
    await page.getByLabel('Find a function or file').fill('json');
    await shown(page, '1 function, 25 %');
    await page.waitForURL(/find=json/);
    assert.equal(await page.getByRole('region', { name: 'Top functions' }).locator('tbody tr').count(), 1);
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await page.waitForURL(/view=table/);
    assert.equal(await page.getByRole('region', { name: 'Call tree' }).locator('tr.hit').count(), 1);
  }));

test('a profile names known causes of cost, with advice', { skip }, () =>
  on('/profiles?from=15m', 'main.hash', async (page) => {
    const list = page.getByRole('region', { name: 'Bottlenecks' });
    await list.getByText('JSON and reflection').waitFor();
    assert.match(await list.innerText(), /25 % JSON and reflection[^]*json-reflection, above 10 %/);
    await list.getByRole('button', { name: 'encoding/json.Marshal' }).first().click();
    await page.waitForURL(/function=encoding/);
  }));

test('a profile is grouped by a label, and leads to the traces that cost most', { skip }, () =>
  on('/profiles?from=15m', 'Traces that cost most', async (page) => {
    await page.getByLabel('Group by').selectOption('version');
    await page.getByRole('region', { name: 'Table by version' }).getByText('2.0').waitFor();
    await page.getByRole('region', { name: 'Traces that cost most' }).getByRole('link').first().click();
    await page.waitForURL(new RegExp(`/traces/${trace}`));
  }));

test('a profile is compared with the range before, and a function shows its callers and callees', { skip }, () =>
  on('/profiles?from=15m', 'main.hash', async (page) => {
    await page.getByLabel('Baseline').selectOption('before');
    await page.waitForURL(/baseline=before/);
    await shown(page, 'scaled to the same profiled time');
    const of = (name) => page.getByRole('region', { name: 'Top functions' }).locator('tr').filter({ has: page.getByRole('button', { name: `Callers and callees of ${name}`, exact: true }) });
    assert.match(await of('main.hash').innerText(), /\+600 ms +\+100 %/); // the baseline of 10 s counts twice, as the range has 20 s
    assert.match(await of('encoding/json.Marshal').innerText(), /−1\.2 s +−75 %/);
    assert.match(await of('main.retry').innerText(), /\+50 ms +new/);
    await of('runtime.mallocgc').getByRole('button').click();
    await page.waitForURL(/function=runtime\.mallocgc/);
    await flame(page, 'Callers').focus();
    await page.keyboard.press('ArrowUp');
    assert.match(await page.getByRole('region', { name: 'Callers and callees' }).locator('.detail').first().innerText(), /encoding\/json\.Marshal|main\.serve/);
    await flame(page, 'Callees').waitFor();
  }));

test('a profile is filtered by label and saved in each format', { skip }, () =>
  on('/profiles?from=15m&q=service.version%3D1.0', '1 profile ', async (page) => {
    const saved = async (name) => {
      const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `Download as ${name}` }).click()]);
      return [file.suggestedFilename(), readFileSync(await file.path())];
    };
    const [folded, stacks] = await saved('folded');
    assert.equal(folded, 'profile-cpu.folded');
    assert.match(String(stacks), /^main\.main;main\.serve;main\.checkout;main\.hash 1200000000$/m);
    const [name, data] = await saved('pprof');
    assert.equal(name, 'profile-cpu.pb.gz');
    assert.ok(gunzipSync(data).includes('main.hash'));
    const [, json] = await saved('speedscope');
    assert.match(JSON.parse(String(json)).$schema, /speedscope/);
  }, { acceptDownloads: true }));

test('a span leads to its profile, and so do its service, the palette and a key', { skip }, async () => {
  await on(`/traces/${trace}?span=${spanId}`, 'SELECT orders', async (page) => {
    await page.getByRole('link', { name: 'Profile of this span' }).click();
    await page.waitForURL(new RegExp(`span_id=${spanId}`));
    await page.waitForFunction(() => /main\.charge/.test(document.querySelector('main tbody')?.textContent ?? ''));
    assert.equal(await page.getByRole('region', { name: 'Top functions' }).locator('tbody tr').count(), 2);
  });
  await on('/services/checkout', 'POST /checkout', async (page) => {
    await page.locator('main').getByRole('link', { name: 'Profiles' }).click();
    await page.waitForURL(/\/profiles\?service=checkout/);
    await shown(page, 'main.hash');
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.waitForURL(/\/traces/);
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await page.waitForURL(/\/profiles/);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('profiles');
    await page.getByRole('option', { name: 'page Profiles' }).waitFor();
  });
});

test('an alert is silenced from its row, and the silence ended', { skip }, () =>
  on('/alerts', 'checkout fails', async (page) => {
    const row = (region, text) => page.getByRole('region', { name: region }).locator('tbody tr').filter({ hasText: text });
    assert.match(await row('Active alerts', 'checkout fails').innerText(), /firing\s+error\s+checkout fails\s+service=checkout\s+7/);
    assert.match(await row('Rules', 'NeverFires').innerText(), /inactive\s+NeverFires\s+vector\(0\) > 1\s+5 min/);
    await row('Receivers', 'ops').waitFor();
    await row('Active alerts', 'checkout fails').getByRole('link', { name: 'silence' }).click();
    await page.waitForURL(/silence=/);
    assert.equal(await page.getByLabel('Alerts', { exact: true }).inputValue(), 'alertname=CheckoutFails service=checkout severity=error');
    await page.getByLabel('for', { exact: true }).fill('soon');
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    await shown(page, 'Not a duration: soon');
    await page.getByLabel('for', { exact: true }).fill('30m');
    await page.getByLabel('because').fill('a test');
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    const silence = row('Silences', 'a test');
    await silence.filter({ hasText: 'active' }).waitFor();
    assert.match(await silence.innerText(), /alertname=CheckoutFails service=checkout severity=error/);
    await silence.getByRole('button', { name: 'End now' }).click();
    await silence.filter({ hasText: 'expired' }).waitFor();
  }));

test('objectives show budgets and burn rates, and a filter keeps those that burn', { skip }, () =>
  on('/slos', '99.9 % succeed', async (page) => {
    const text = await page.locator('tbody tr').filter({ hasText: '99.9 % succeed' }).innerText();
    assert.match(text, /checkout[^]*orders[^]*(overspent|%)[^]*30 d/);
    await page.getByRole('button', { name: 'Burning' }).click();
    await page.waitForURL(/show=firing/);
    await page.waitForFunction(() => !document.querySelector('tbody')?.textContent?.includes('50 % within'));
  }));

test('an expression of PromQL is completed by key, asked, and kept in the URL', { skip }, () =>
  on('/metrics', 'PromQL', async (page) => {
    await page.getByRole('button', { name: 'PromQL' }).click();
    const field = page.getByRole('combobox', { name: 'PromQL expression 1' });
    const choice = (name) => page.getByRole('option', { name, exact: true });
    await field.pressSequentially('process_mem');
    await choice('process_memory_usage_bytes').waitFor();
    await field.press('Tab');
    await field.pressSequentially('{jo');
    await choice('job').waitFor();
    await field.press('ArrowDown');
    await field.press('Enter');
    await choice('shop/checkout').or(choice('checkout')).first().waitFor();
    await field.press('Tab');
    await field.pressSequentially('}');
    await field.press('Enter');
    await page.waitForURL(/promql=process_memory_usage_bytes/);
    await page.getByRole('figure').locator('canvas').waitFor();
    const expression = await field.inputValue();
    assert.match(expression, /^process_memory_usage_bytes\{job="[^"]*checkout"\}$/);
    await page.getByRole('button', { name: 'Add an expression' }).click();
    const second = page.getByRole('combobox', { name: 'PromQL expression 2' });
    await second.fill('sum(');
    await second.press('Escape');
    await second.press('Enter');
    await shown(page, /parse error/);
    await page.getByRole('button', { name: 'Remove expression 2' }).click();
    await page.getByRole('figure').locator('canvas').waitFor();
    await page.reload();
    await page.getByRole('figure').locator('canvas').waitFor();
    assert.equal(await field.inputValue(), expression);
  }, {}, /status of 400/));

test('a live tail shows new records once, in order', { skip }, () =>
  on('/logs?follow=1', /payment of order|request \d+ served/, async (page) => {
    await feed(server.otlp, { requests: 3, minutes: 0.01 });
    await shown(page, /followed/);
    await page.waitForFunction(() => (document.querySelector('main')?.textContent?.match(/request 2 served/g) ?? []).length >= 1);
  }));

test('a trace of 50,000 spans stays usable', { skip }, async () => {
  const id = await feedLargeTrace(server.otlp, 50_000);
  await on('/traces/' + id, '50,000 spans', async (page) => {
    await page.getByRole('searchbox').fill('query 49999');
    await shown(page, '1 of 1');
    await shown(page, 'query 49999');
    assert.ok(await page.locator('[role=listitem]').count() < 200, 'only the rows in sight are in the page');
  });
});

const logIn = async (page, fields) => {
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
  await page.getByRole('button', { name: 'Log in' }).click();
};
const writing = ['Silence', 'End now', 'Check', 'Send to the collector', 'Right', 'Wrong'];

/** What changes something on the pages that have such buttons. */
async function offered(page, base) {
  const found = [];
  for (const [path, shows] of [['/alerts', 'Silences'], ['/fleet?collector=edge-1', 'Desired configuration of edge-1']]) {
    await page.goto(base + path);
    await shown(page, shows);
    await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
    for (const name of writing) if (await page.getByRole('button', { name, exact: true }).count()) found.push(name);
  }
  return found;
}

test('user and password, tokens, and those of an OpenID provider are accepted, and who may only read is offered nothing else', { skip }, async () => {
  const provider = await issuer();
  const register = (own, authorization) => fetch(own.api + '/v1/collectors', { method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: authorization }, body: JSON.stringify({ collector: { collectorId: 'edge-1', collectorType: 'otelcol' } }) });
  const ways = {
    basicauth: { more: '  basicauth/ui: {htpasswd: {inline: "ann:secret\\neve:secret"}}', access: 'attribute: username, read: [ann, eve], write: [ann], admin: [ann]', of: (user) => ({ User: user, Password: 'secret' }), wrong: { User: 'ann', Password: 'no' }, header: 'Basic ' + btoa('ann:secret') },
    oidc: { more: `  oidc/ui: {providers: [{issuer_url: "${provider.url}", audience: tapio}]}`, access: 'attribute: subject, read: [ann, eve], write: [ann], admin: [ann]', of: (user) => ({ Token: provider.token(user) }), wrong: { Token: provider.token('ann', { lasts: -30 }) }, header: 'Bearer ' + provider.token('ann') },
  };
  try {
    for (const [name, way] of Object.entries(ways)) {
      const own = await start(`, auth: {authenticator: ${name}/ui}`, way.more, `, access: {${way.access}}`);
      try {
        assert.equal((await register(own, way.header)).status, 200);
        const context = await browser.newContext();
        const { page } = await open(context, own.api);
        await page.goto(own.api + '/logs?follow=1');
        await logIn(page, way.wrong);
        await shown(page, 'The server did not accept these credentials');
        if (name === 'oidc') await presentable(page);
        await page.getByLabel('Token').fill('');
        await logIn(page, way.of('ann'));
        await shown(page, 'Waiting for records');
        assert.deepEqual(await offered(page, own.api), ['Silence', 'Check', 'Send to the collector'], name);
        await page.getByRole('button', { name: 'Log out' }).click();
        await logIn(page, way.of('eve'));
        await shown(page, 'edge-1');
        assert.deepEqual(await offered(page, own.api), [], name);
        assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [], 'nothing of it outlives the tab');
        await context.close();
      } finally {
        await own.stop();
      }
    }
  } finally {
    await provider.stop();
  }
});
