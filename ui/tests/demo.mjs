// Run by `make ui-demo` and `make screenshots`: breaks the demo shop in each way, holds that the page of the incident proves its cause,
// ends the fault, and holds that the pages show that it is over.
// Arguments: the faults (default: all). With IMAGES set to a folder, pages are saved there as pictures for the documentation.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch, open, shown } from './browser.mjs';
import { causes, faults, incidents, openShop, until, untilResolved, watch } from './shop.mjs';
import { start } from './server.mjs';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const learn = 150_000; // the server learns what is normal, and that a release is new
const unfold = 45_000; // from the report of an incident to most of its evidence
const asked = process.argv.slice(2).length ? process.argv.slice(2) : faults;
const images = process.env.IMAGES;

/** Saves what is in sight as WebP: a fifth of the size of PNG. */
async function picture(page, name) {
  if (!images) return;
  mkdirSync(images, { recursive: true });
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 65 });
  writeFileSync(join(images, name + '.webp'), Buffer.from(data, 'base64'));
}

/** Opens all evidence of an incident and returns what is wrong with it. */
async function evidence(page) {
  const list = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Evidence' }) }).locator('ol > li');
  const wrong = [], count = await list.count();
  if (!count) wrong.push('there is no evidence');
  for (let i = 0; i < count; i++) {
    const item = list.nth(i);
    const button = item.getByRole('button', { name: /^(chart|record)$/ });
    if (!await button.count()) continue;
    if (await button.getAttribute('aria-expanded') !== 'true') await button.click();
    await item.locator('canvas, pre, .error, .empty').first().waitFor({ timeout: 60_000 }).catch(() => {});
    if (!await item.locator('canvas, pre').count()) wrong.push('without proof: ' + (await item.innerText()).replace(/\s+/g, ' '));
  }
  return wrong;
}

const visit = async (browser, server, path, shows, check) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const { page, trouble } = await open(context, server.api);
  await page.goto(server.api + path);
  await shown(page, shows);
  await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
  await check(page);
  assert.deepEqual(trouble, [], path);
  await context.close();
};

async function pagesOf(browser, server) {
  const query = { filter: { services: ['storefront'], limit: 50 }, operations: ['POST /orders'], kinds: ['SPAN_KIND_SERVER'], minDuration: '1s' };
  const { traces } = await (await fetch(server.api + '/v1/traces:query', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ query }) })).json();
  const pages = { now: ['/?from=15m', 'payments-db'], map: ['/map?from=15m', 'payments-db'], trace: ['/traces/' + traces[0].traceId, 'INSERT charges'],
    profiles: ['/profiles?from=15m&service=inventory', 'Top functions'], metrics: ['/metrics?from=15m&metric=http.server.request.duration&by=service.name', 'http.server.request.duration'] };
  for (const [name, [path, shows]] of Object.entries(pages)) await visit(browser, server, path, shows, async (page) => {
    await pause(1500); // charts are drawn
    await picture(page, name);
  });
}

/** Breaks a shop of its own, with a server of its own, and looks at the incident. */
async function tried(browser, fault) {
  const server = await start();
  const shop = await openShop(server);
  try {
    await pause(learn);
    const began = Date.now();
    await shop.press(fault);
    const ofFault = (g) => Date.parse(g.timeRange.start) > began - 20_000 && !/MERGED/.test(g.state);
    const [found] = await until(server, ofFault, 90, `${fault}: an incident`);
    const after = Math.round((Date.now() - began) / 1e3);
    await pause(unfold);
    const [incident] = await until(server, ofFault, 10, fault);
    const wrong = [];
    await visit(browser, server, '/incidents/' + incident.id, 'Evidence', async (page) => {
      await pause(1500); // charts are drawn
      await picture(page, asked.length === 1 ? 'incident' : 'incident-' + fault);
      wrong.push(...await evidence(page));
    });
    if (images && fault === 'payment-db-slow') await pagesOf(browser, server);
    const watched = await watch(browser, server);
    await watched.page.goto(server.api + '/incidents/' + incident.id);
    await shown(watched.page, 'Evidence');
    const named = await watched.page.locator('section').filter({ has: watched.page.getByRole('heading', { name: 'Cause', exact: true }) }).getByRole('link').first().innerText();
    if (named !== causes[fault]) wrong.push(`the cause is ${named}, not ${causes[fault]}`);
    await shop.press(fault);
    const states = await untilResolved(server, watched, named);
    await watched.context.close();
    console.log(`${wrong.length ? 'FAILED' : 'ok    '} ${fault}: reported after ${after} s as "${found.title}", now "${incident.title}", then ${states.join(', ')}${wrong.map((w) => '\n       ' + w).join('')}`);
    return wrong.length === 0;
  } catch (e) {
    const known = (await incidents(server).catch(() => [])).map((g) => `${g.state} ${g.timeRange?.start} to ${g.timeRange?.end}: ${g.title} (${g.id})`);
    console.log(`FAILED ${fault}: ${e.stack}\n  incidents: ${known.join('\n    ')}`);
    return false;
  } finally {
    await shop.stop();
    await server.stop();
  }
}

// Three shops at once: each takes a tenth of a core.
const browser = await launch();
const left = [...asked];
const results = [];
await Promise.all([1, 2, 3].map(async () => {
  for (let fault = left.shift(); fault; fault = left.shift()) results.push(await tried(browser, fault));
}));
await browser.close();
process.exitCode = results.every(Boolean) ? 0 : 1;
