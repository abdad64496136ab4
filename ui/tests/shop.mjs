// The demo shop against a collector, what breaks it, and the incidents that follow on the pages.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

import { open, shown } from './browser.mjs';

/** The faults in the order of their keys, each with what must be named as its cause. */
export const causes = {
  'payment-db-slow': 'payments-db', 'payment-db-down': 'payments-db', 'bad-release': 'checkout', 'cache-down': 'cart-cache', 'bank-errors': 'bank-api',
  'cpu-burn': 'inventory', 'memory-leak': 'recommendation', 'queue-lag': 'shipping', 'crash-loop': 'catalog',
};
export const faults = Object.keys(causes);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Starts the shop; further are flags such as those of a fault. */
export async function openShop(server, further = '') {
  const tapioctl = process.env.TAPIOCTL ?? resolve(import.meta.dirname, '../../bin/tapioctl');
  // script gives it a terminal, so that it reads keys.
  const child = spawn('script', ['-qfec', `${tapioctl} demo --server ${server.grpc} --otlp-endpoint ${server.otlp} --ui ${server.api} ${further}`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  const ended = new Promise((done) => child.on('exit', done));
  const printed = async (text, seconds = 30) => {
    for (let left = seconds * 10; !out.includes(text); left--) {
      if (left === 0 || child.exitCode !== null) throw new Error(`the shop did not print ${text}:\n${out}`);
      await pause(100);
    }
  };
  await printed('The shop runs');
  return {
    printed,
    /** Turns a fault on or off. */
    async press(fault) {
      const seen = out.length;
      child.stdin.write(String(faults.indexOf(fault) + 1));
      for (let left = 100; !out.slice(seen).includes(`fault ${fault}`); left--) {
        if (left === 0) throw new Error(`the shop did not take the key of ${fault}:\n${out}`);
        await pause(100);
      }
    },
    async stop() {
      child.stdin.write('q');
      await ended;
    },
  };
}

export async function incidents(server) {
  const answer = await fetch(server.api + '/v1/groups:query', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ filter: { limit: 500 }, kinds: ['KIND_INCIDENT'] }) });
  return (await answer.json()).groups ?? [];
}

/** Waits for incidents that meet the condition. */
export async function until(server, condition, seconds, what) {
  for (let left = seconds; left > 0; left--) {
    const found = (await incidents(server)).filter(condition);
    if (found.length) return found;
    await pause(1000);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

const minutes = 60_000;
const tag = (page) => page.locator('main .tag').first();

/** Opens the page of an incident and notes its states, as they follow each other. */
export async function watch(browser, server) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const { page, trouble } = await open(context, server.api);
  const states = [];
  await page.exposeFunction('noteState', (state) => states.at(-1) === state || states.push(state));
  await page.addInitScript(() => setInterval(() => {
    if (!location.pathname.startsWith('/incidents/')) return;
    const state = /[●○◐] (\w+)/.exec(document.querySelector('main .tag')?.textContent ?? '')?.[1];
    if (state) globalThis.noteState(state);
  }, 200));
  return { context, page, trouble, states };
}

/** Holds that the page of an incident, which must be open in the watched page, shows it until it is resolved, and that "Now" is healthy then. */
export async function untilResolved(server, { page, trouble, states }, cause) {
  await page.waitForFunction(() => /resolved/.test(document.querySelector('main .tag')?.textContent ?? ''), undefined, { timeout: 5 * minutes });
  assert.match(await tag(page).innerText(), /^○ resolved · [1-9]/);
  await shown(page, /until \d\d:\d\d:\d\d/);
  const title = await page.getByRole('heading', { level: 1 }).innerText();
  assert.match(title, new RegExp(`^Resolved after [1-9].*${cause}`), title);
  for (let i = 0; i < 100 && states.at(-1) !== 'resolved'; i++) await page.waitForTimeout(100); // it is noted at intervals
  assert.equal(states.at(-1), 'resolved', states.join(', '));
  const id = new URL(page.url()).pathname.split('/').at(-1);
  assert.deepEqual((await incidents(server)).filter((g) => g.id === id).map((g) => g.state), ['STATE_RESOLVED']);
  await page.getByRole('link', { name: 'Now', exact: true }).first().click();
  await page.getByRole('heading', { level: 1, name: 'No open incident.' }).waitFor({ timeout: 3 * minutes });
  assert.equal(await page.locator('main a.incident').count(), 0);
  assert.equal(await page.getByTitle('Affected by an open incident').count(), 0);
  assert.deepEqual(trouble, []);
  return states;
}
