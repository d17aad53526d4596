import { defineConfig } from 'vitest/config'

/** `tenfold/service` and friends resolve to `src`, so that tests never see a stale `dist`. */
const conditions = ['tenfold-source', 'module', 'node']
/** Releases of the example systems are copies of this checkout, tests and all. */
const releases = '**/.tenfold/**'
const slow = ['test/integration/**/*.test.ts', 'test/e2e/**/*.test.ts']
const engines = ['test/engines/**/*.test.ts']
/** They need a network and other people's programs, so they run only when asked for: --project engines. */
const isAskedForEngines = process.argv.includes('engines')

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    reporters: ['default', './test/closing-line.ts'],
    execArgv: ['--conditions=tenfold-source'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'systems/**/*.test.ts'],
          exclude: [...slow, ...engines, releases],
          // For machines that do ten other things; a test that hangs is found all the same.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        // Real processes and real PostgreSQL: they wait more than they compute, but five servers on two cores are late.
        test: {
          name: 'integration',
          include: slow,
          exclude: [releases],
          globalSetup: './test/compile-cache.ts',
          maxWorkers: 2,
          // Machines of CI have other guests. What needed another try is named at the end.
          retry: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      ...(isAskedForEngines
        ? [
            {
              extends: true as const,
              test: {
                name: 'engines',
                include: engines,
                globalSetup: './test/compile-cache.ts',
                fileParallelism: false,
                hookTimeout: 120_000,
              },
            },
          ]
        : []),
    ],
  },
})
