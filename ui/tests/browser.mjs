// What tests and the screenshots share: Debian's Chromium, headless, and what a page complains of.
import { chromium } from 'playwright-core';

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

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
