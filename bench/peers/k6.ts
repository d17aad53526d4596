import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTimed } from '../program.ts'

/** A script at 10,000 requests a second, which is what k6 sustains on two cores. */
const SCRIPT = `
import http from 'k6/http'
export const options = {
  discardResponseBodies: true,
  scenarios: {
    open: {
      executor: 'constant-arrival-rate', rate: 10000, timeUnit: '1s', duration: __ENV.DURATION,
      preAllocatedVUs: 300, maxVUs: 300,
    },
  },
}
export default function () { http.get(__ENV.TARGET) }
export function handleSummary(data) {
  return { stdout: 'requests=' + data.metrics.http_reqs.values.count + '\\n' }
}
`

/** k6's open loop; its whole CPU time counts, its start included, which is small beside the rest. */
export async function runK6(target: string, seconds: number, signal: AbortSignal) {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-k6-'))
  try {
    const script = join(directory, 'script.js')
    await writeFile(script, SCRIPT)
    const env = ['-e', `TARGET=${target}/`, '-e', `DURATION=${seconds}s`]
    const { output, cpuSeconds } = await runTimed('k6', ['run', '--quiet', ...env, script], signal)
    return { requests: Number(/requests=(\d+)/.exec(output)?.[1]), cpuSeconds }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
