import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [svelte()],
  worker: { format: 'es' },
  build: {
    outDir: '../src/manara/desk/static',
    emptyOutDir: true,
    assetsInlineLimit: 0, // default-src 'self' forbids data: URIs
    chunkSizeWarningLimit: 1400, // MapLibre alone is 1.1 MB
    target: 'es2022',
  },
})
