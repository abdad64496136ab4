import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { ProxyOptions } from 'vite';
import { defineConfig } from 'vitest/config';
import { notices } from './notices.ts';

// The collector refuses requests that come from pages of other origins, as those of this server would.
const api: ProxyOptions = { target: 'http://localhost:4418', configure: (proxy) => proxy.on('proxyReq', (request) => request.removeHeader('origin')) };

// The build is committed and embedded by ui.go, so file names carry no hash: the server answers with an ETag.
export default defineConfig({
  plugins: [svelte(), notices('THIRD_PARTY_NOTICES')],
  base: '/ui/',
  server: { proxy: Object.fromEntries(['/v1', '/openapi.json', '/prometheus'].map((path) => [path, api])) },
  // Modules are transformed within the first test that imports them, which a loaded machine delays.
  test: { testTimeout: 60_000 },
  worker: { format: 'es', rolldownOptions: { output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' } } },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    target: 'es2022',
    modulePreload: { polyfill: false }, // what a script imports is loaded with it, not after it
    rolldownOptions: {
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
});
