import { sleep, systemClock } from '../../src/core/clock.ts'
import { messageOf } from './contender.ts'
import { tenfoldQueues } from '../queues/tenfold-queues.ts'
import { contenders } from './contenders.ts'

// A process that publishes at a fixed rate, whatever the answers take: `publish-program.ts '{"name":…}'`. Prints a line when
// it begins, and one when everything is in.

/** What it is told. */
export interface PublishOrder {
  readonly name: string
  readonly url: string
  readonly perSecond: number
  readonly seconds: number
}

const { name, url, perSecond, seconds } = JSON.parse(process.argv[2] ?? '{}') as PublishOrder
const contender = [...contenders, tenfoldQueues].find((each) => each.name === name)
if (contender === undefined) throw new Error(`expected a contender, got ${name}`)
const session = await contender.open(url)
// Connections and the first plans are not what is measured.
await Promise.all(Array.from({ length: 20 }, () => session.publish([messageOf(0)])))
console.log(JSON.stringify({ began: true }))
const startMs = systemClock.nowMs()
const startEpochMs = systemClock.epochMs()
const publishing: Promise<void>[] = []
for (let n = 0; n < perSecond * seconds; n++) {
  const dueMs = (n * 1e3) / perSecond
  const earlyMs = startMs + dueMs - systemClock.nowMs()
  if (earlyMs > 0) await sleep(systemClock, earlyMs)
  publishing.push(session.publish([messageOf(startEpochMs + dueMs)]))
}
await Promise.all(publishing)
console.log(JSON.stringify({ published: publishing.length }))
await session.end()
process.exit(0)
