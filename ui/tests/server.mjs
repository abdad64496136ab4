// Starts the built collector with free ports, and ends it.
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Settings are further keys of the tapio extension, rules a file that RULES in them names. */
export async function start(extra = '', more = '', settings = '', rules = '') {
  const folder = mkdtempSync(join(tmpdir(), 'tapio-ui-'));
  const file = join(folder, 'config.yaml');
  const rulesFile = join(folder, 'rules.yaml');
  if (rules) writeFileSync(rulesFile, rules);
  writeFileSync(file, `
receivers: {otlp: {protocols: {http: {endpoint: "localhost:0"}}}, tapio: {extension: tapio}}
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
${more}
  tapio: {grpc: {endpoint: "localhost:0"}, http: {endpoint: "localhost:0"${extra}}, store: {memory_limit: 64MiB}${settings.replaceAll('RULES', rulesFile)}}
service:
  extensions: [${more ? more.trim().split(':')[0] + ', ' : ''}tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp, tapio], processors: [semantic_correlation], exporters: [tapio]}
    traces: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    metrics: {receivers: [otlp, tapio], processors: [semantic_correlation], exporters: [tapio]}
    profiles: {receivers: [otlp, tapio], processors: [semantic_correlation], exporters: [tapio]}
`);
  const child = spawn(process.env.TAPIO ?? resolve(import.meta.dirname, '../../bin/tapio'), ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const ports = await new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error('the collector did not start:\n' + log)), 30_000);
    child.on('exit', (code) => fail(new Error(`the collector ended with ${code}:\n` + log)));
    child.stderr.on('data', (chunk) => {
      log += chunk;
      const port = (pattern) => new RegExp(pattern).exec(log)?.[1];
      const api = port('"Tapio API listening"[^\\n]*"transport":"http"[^\\n]*"endpoint":"[^"]*:(\\d+)"');
      const grpc = port('"Tapio API listening"[^\\n]*"transport":"grpc"[^\\n]*"endpoint":"[^"]*:(\\d+)"');
      const otlp = port('Starting HTTP server"[^\\n]*"endpoint":"[^"]*:(\\d+)"');
      if (api && grpc && otlp && /Everything is ready/.test(log)) {
        clearTimeout(late);
        done({ api: `http://localhost:${api}`, grpc: `localhost:${grpc}`, otlp: `http://localhost:${otlp}` });
      }
    });
  });
  child.removeAllListeners('exit');
  return {
    ...ports,
    log: () => log,
    stop: () => new Promise((done) => {
      child.on('exit', () => { rmSync(folder, { recursive: true }); done(); });
      child.kill('SIGTERM');
    }),
  };
}
