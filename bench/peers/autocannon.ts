import { createRequire } from 'node:module'

// autocannon by its API, in a closed loop as fast as it goes, without the CPU time of its start and of a second in
// which V8 compiles.

const require = createRequire(import.meta.url)
const autocannon = require('autocannon') as (options: object) => Promise<{ requests: { total: number } }>
const [url, seconds] = process.argv.slice(2)

const run = (duration: number) => autocannon({ url, connections: 50, duration })
await run(1)
const cpu = process.cpuUsage()
const result = await run(Number(seconds))
const used = process.cpuUsage(cpu)
console.log(JSON.stringify({ requests: result.requests.total, cpuSeconds: (used.user + used.system) / 1e6 }))
