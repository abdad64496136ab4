// An incident of the demo shop from the fault to its end, as the pages show it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch, presentable, shown, skip } from './browser.mjs';
import { causes, openShop, untilResolved, watch } from './shop.mjs';
import { start } from './server.mjs';

const fault = 'cache-down', cause = causes[fault];
const minutes = 60_000;
let server, browser;

before(async () => {
  if (skip) return;
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('an incident of the demo shop is followed from the fault to its end', { skip }, async (t) => {
  const watched = await watch(browser, server);
  const { page, states } = watched;
  const shop = await openShop(server, `--rate 20 --fault ${fault} --fault-after 25s --fault-for 60s`);
  try {
    await page.goto(server.api + '/');
    await page.getByRole('heading', { level: 1, name: 'No open incident.' }).waitFor({ timeout: minutes });
    await page.getByRole('row').filter({ hasText: 'storefront' }).waitFor();
    await shop.printed(`fault ${fault} starts`, 120);

    // The first page shows it open, with its cause.
    const row = page.locator('main a.incident').filter({ hasText: cause });
    await row.waitFor({ timeout: 3 * minutes });
    assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /^1 open incident/);
    await row.click();
    await page.waitForURL(/\/incidents\/g-/);
    await shown(page, 'Evidence');
    const section = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Cause', exact: true }) });
    assert.equal(await section.getByRole('link').first().innerText(), cause);
    assert.match(await section.innerText(), /refuse/);
    assert.match(await page.locator('section').filter({ has: page.getByRole('heading', { name: /^Impact:/ }) }).innerText(), /storefront POST \/cart[^]* fail/);

    await presentable(page);

    await shop.printed(`fault ${fault} ends`, 120);
    await untilResolved(server, watched, cause);
    t.diagnostic(`states on the page: ${states.join(', ')}`);
    assert.equal(states[0], 'open', states.join(', '));
  } finally {
    await shop.stop();
    await watched.context.close();
  }
});
