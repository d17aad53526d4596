import type { Arrivals, Scenario } from '../../src/blueprint/scenario.ts'
import { runLoad } from '../../src/load/run-load.ts'

// Runs one load given as JSON; prints a line when its first second is over, and one with what it cost. In the first two seconds V8 compiles: neither their requests nor
// their CPU time count. CPU time is that of the whole process: worker, main thread, garbage collection and compiler.

const WARMUP_SECONDS = 2

const options = JSON.parse(process.argv[2] as string) as {
  target: string
  scenarios: Scenario[]
  arrivals: Arrivals
  peakPerSecond: number
  durationMs: number
  connections?: { min?: number; max?: number }
}

let cpu = process.cpuUsage()
let warmupRequests = 0
const result = await runLoad({
  ...options,
  seed: 1,
  onSecond(second) {
    if (second.second === 0) console.log(JSON.stringify({ isRunning: true }))
    if (second.second >= WARMUP_SECONDS) return
    cpu = process.cpuUsage()
    warmupRequests += second.completed
  },
})
const used = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    requests: result.requests.completed - warmupRequests,
    cpuSeconds: (used.user + used.system) / 1e6,
    userSeconds: used.user / 1e6,
    failed: result.requests.failed,
    latencyMsP50: result.latency.msP50,
    latencyMsP90: result.latency.msP90,
    latencyMsP99: result.latency.msP99,
    lagMsP99: result.generator.lagMsP99,
    elu: result.generator.elu,
    connections: result.generator.connectionsMax,
    isValid: result.validity.state === 'valid' ? 1 : 0,
  }),
)
