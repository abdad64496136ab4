// What tests and the screenshots share: Debian's Chromium, headless, and what a page complains of.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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

/** Holds that the page meets WCAG AA, light and dark, that it fits a narrow screen, and that each table and chart can be saved. */
export async function presentable(page) {
  await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
  await page.evaluate(axe + '; true');
  const wrong = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, colorScheme);
    const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }));
    wrong.push(...found.violations.map((v) => [colorScheme, v.id, v.nodes[0]?.html, v.nodes[0]?.failureSummary]));
  }
  wrong.push(...await page.evaluate(() => [...document.querySelectorAll('main table:has(thead), main canvas, main [data-chart]')].filter((e) => {
    for (let at = e.parentElement; at && at.tagName !== 'MAIN'; at = at.parentElement) if (at.matches('figure, .panel, section') && at.querySelector('[aria-label^="Save "]')) return false;
    return true;
  }).map((e) => ['cannot be saved', e.closest('figure, .panel, section')?.outerHTML.slice(0, 300)])));
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  // Charts follow the size of their place a moment later.
  await page.waitForFunction(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth, undefined, { timeout: 10_000 }).catch(() => wrong.push(['the page is wider than 360 px']));
  await page.setViewportSize(before);
  assert.deepEqual(wrong, []);
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
