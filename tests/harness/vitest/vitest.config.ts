import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Platforms with real databases are started, which takes its time on a busy machine.
  test: { testTimeout: 120_000, hookTimeout: 300_000 },
})
