// What tests and the screenshots share: Debian's Chromium, headless, and what a page complains of.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}: install it, or set CHROMIUM`;

export async function launch() {
  return chromium.launch({
    executablePath, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** Opens a page and collects what goes wrong on it: errors, violations of the policy, requests to other hosts. */
export async function open(context, base) {
  const page = await context.newPage();
  const trouble = [];
  page.on('pageerror', (e) => trouble.push('error: ' + e.message));
  page.on('console', (m) => {
    if (m.type() === 'error' || /Content Security Policy/.test(m.text())) trouble.push('console: ' + m.text());
  });
  page.on('request', (r) => {
    const url = r.url();
    if (!url.startsWith(base) && !url.startsWith('data:') && !url.startsWith('blob:')) trouble.push('request to ' + url);
  });
  return { page, trouble };
}

/** Waits until the page holds the text, in a chart or a map too. */
export async function shown(page, text) {
  const pattern = text instanceof RegExp ? text.source : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  await page.waitForFunction((p) => new RegExp(p).test(document.body.textContent ?? ''), pattern, { timeout: 60_000 });
}

/** Opens a page, waits until it shows the text, hands it over, and holds that nothing went wrong. */
export const visits = (browser, base) => async (path, shows, check = async () => {}, options = {}, expected = /^$/) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: false, ...options });
  const { page, trouble } = await open(context, base);
  try {
    await page.goto(base + path);
    await shown(page, shows);
    await check(page);
    assert.deepEqual(trouble.filter((t) => !expected.test(t)), [], path);
  } catch (e) {
    e.message += '\n' + (await page.locator('main').innerText().catch(() => '')).slice(0, 1000) + '\n' + trouble.join('\n');
    throw e;
  } finally {
    await context.close();
  }
};
