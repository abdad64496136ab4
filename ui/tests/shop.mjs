// The demo shop against a collector, with the keys that break it, and the incidents that follow.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const faults = ['payment-db-slow', 'payment-db-down', 'bad-release', 'cache-down', 'bank-errors', 'cpu-burn', 'memory-leak', 'queue-lag', 'crash-loop'];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export async function openShop(server) {
  const tapioctl = process.env.TAPIOCTL ?? resolve(import.meta.dirname, '../../bin/tapioctl');
  // script gives it a terminal, so that it reads keys.
  const child = spawn('script', ['-qfec', `${tapioctl} demo --server ${server.grpc} --otlp-endpoint ${server.otlp} --ui ${server.api}`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  const ended = new Promise((done) => child.on('exit', done));
  const printed = async (text) => {
    for (let left = 300; !out.includes(text); left--) {
      if (left === 0 || child.exitCode !== null) throw new Error(`the shop did not print ${text}:\n${out}`);
      await pause(100);
    }
  };
  await printed('The shop runs');
  return {
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
