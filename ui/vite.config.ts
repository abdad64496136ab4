import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { notices } from './notices.ts';

// The build is committed and embedded by ui.go, so file names carry no hash: the server answers with an ETag.
export default defineConfig({
  plugins: [svelte(), notices('THIRD_PARTY_NOTICES')],
  base: '/ui/',
  server: { proxy: { '/v1': 'http://localhost:4418', '/openapi.json': 'http://localhost:4418' } },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: {
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
});
