import type { Reporter, TestModule } from 'vitest/node'

/** Closes a run with what needed another try, and `N passed, N failed, N skipped` alone on a line, which any CI can read. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    const again: string[] = []
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state !== 'pending') count[state] += 1
        if (test.diagnostic()?.flaky === true) again.push(`${module.relativeModuleId}: ${test.fullName}`)
      }
      if (module.errors().length > 0) count.failed += 1
    }
    process.once('exit', () => {
      for (const name of again) process.stdout.write(`\nneeded another try: ${name}`)
      process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
    })
  }
}
