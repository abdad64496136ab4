// Run by `make bench-ui`: how soon pages are interactive on loopback with an empty cache of the browser, beside a document that needs no
// script, and which tasks block while 10,000 rows scroll. ROUNDS: how many times (10).
import { launch } from './browser.mjs';
import { feed, feedLogs } from './data.mjs';
import { start } from './server.mjs';

const rounds = Number(process.env.ROUNDS ?? 10);
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const pages = ['/', '/incidents', '/map', '/services/frontend', '/logs', '/kernel', '/traces', '/metrics', '/profiles', '/alerts', '/slos', '/fleet', '/status'];

/** Notes when the page holds its content with nothing on its way, and the tasks that block it. */
function watch() {
  globalThis.long = [];
  new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => ({ end: e.startTime + e.duration, ms: e.duration })))).observe({ type: 'longtask', buffered: true });
  const look = () => {
    const main = document.querySelector('main');
    if (document.contentType !== 'text/html' || main?.textContent?.trim() && !document.querySelector('[aria-busy=true]')) globalThis.ready = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Milliseconds from the start of the navigation until the page answers its user. */
async function opened(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  await context.addInitScript(watch);
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForFunction(() => globalThis.ready, undefined, { timeout: 60_000 });
  const found = await page.evaluate(() => ({ ready: Math.max(ready, ...long.map((t) => t.end)), blocked: Math.max(0, ...long.map((t) => t.ms)) }));
  await context.close();
  return found;
}

/** The longest task, in milliseconds, while all rows of a list scroll by, 0 if none took 50. */
async function scrolled(browser, api) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await page.goto(api + '/logs?service=bulk');
  for (let n = 2; n <= 10; n++) {
    await page.getByRole('button', { name: 'Load 1,000 more' }).click();
    await page.waitForFunction((text) => document.querySelector('main')?.innerText.includes(text), `${n},000 records`);
  }
  const longest = await page.evaluate(async () => {
    let longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((e) => (longest = Math.max(longest, e.duration)))).observe({ type: 'longtask' });
    const list = document.querySelector('[aria-label="Log records"]');
    for (let i = 0; i <= 200; i++) {
      list.scrollTop = (list.scrollHeight * i) / 200;
      await new Promise(requestAnimationFrame);
    }
    await new Promise((done) => setTimeout(done, 200));
    return longest;
  });
  await page.close();
  return longest;
}

const server = await start();
const browser = await launch();
try {
  await feed(server.otlp);
  await feedLogs(server.otlp, 10_000);
  const plain = [];
  for (let i = 0; i < rounds; i++) plain.push((await opened(browser, server.api + '/v1/info')).ready);
  console.log(`a JSON document: ${Math.round(median(plain))} ms (median of ${rounds})`);
  console.log('page                  interactive, median   most   ratio   longest task');
  for (const path of pages) {
    const found = [];
    for (let i = 0; i < rounds; i++) found.push(await opened(browser, server.api + path));
    const ready = found.map((f) => f.ready);
    console.log(`${path.padEnd(22)}${Math.round(median(ready))} ms`.padEnd(44) + `${Math.round(Math.max(...ready))} ms`.padEnd(7)
      + (median(ready) / median(plain)).toFixed(1).padStart(7) + `${Math.round(Math.max(...found.map((f) => f.blocked)))} ms`.padStart(12));
  }
  const tasks = [];
  for (let i = 0; i < Math.min(rounds, 3); i++) tasks.push(Math.round(await scrolled(browser, server.api)));
  console.log(`longest task while 10,000 rows scroll: ${tasks.map((ms) => (ms ? ms + ' ms' : 'none of 50 ms')).join(', ')}`);
} finally {
  await browser.close();
  await server.stop();
}
