import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../src/core/clock.ts'
import { writeFileDurably } from '../src/core/durable-file.ts'
import type { Random } from '../src/core/random.ts'
import { freshSeed, seededRandom } from '../src/core/random.ts'
import { ensureTopic } from '../src/topics/logs/postgres/layout.ts'
import type { GroupAudit } from '../test/integration/topics/audit.ts'
import { auditGroup, prepareAudit } from '../test/integration/topics/audit.ts'
import type { Team } from '../test/integration/topics/team.ts'
import { startTeam } from '../test/integration/topics/team.ts'
import type { TestLog, TopicsBed } from '../test/integration/topics/topics-bed.ts'
import { createTopicsBed } from '../test/integration/topics/topics-bed.ts'
import type { WorkerAddresses } from '../test/integration/topics/topics-worker.ts'
import { GROUPS, PARTITIONS } from '../test/integration/topics/topics-worker.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures, Peer } from './benchmark.ts'

const TOPIC = 'changes'
const USERS = 16
const ROLES = ['producer', 'producer', 'relay', 'relay', 'consumer', 'consumer', 'naive'] as const
/** Kills come for so long; what they have held up may then take as long as it needs. */
const QUICK_MS = 20_000
const FULL_MS = 300_000
const PATIENCE_MS = 60_000

/** What is lost or happens twice when whoever takes part is killed at random moments. */
export const benchmark: Benchmark = {
  name: 'exactly-once',
  description:
    'rows and events committed together, an outbox, a relay, effects in a third database; kill -9 of all of them and of the primary',
  async run(context) {
    const followers = { count: 1, isSynchronous: true, durability: 'preferred' } as const
    const directory = await mkdtemp(join(tmpdir(), 'tenfold-exactly-once-'))
    const bed = await createTopicsBed({ followers })
    try {
      return await measure(context, bed, join(directory, 'addresses.json'))
    } finally {
      await bed.end()
      await rm(directory, { recursive: true, force: true })
    }
  },
}

interface Databases {
  readonly shop: TestLog
  readonly central: TestLog
  readonly effects: TestLog
}

async function measure(context: BenchmarkContext, bed: TopicsBed, addressFile: string): Promise<BenchmarkOutcome> {
  const seed = freshSeed()
  context.log(`seed ${seed}`)
  const databases = { shop: await bed.log(), central: await bed.log(), effects: await bed.log() }
  const { shop, central, effects } = databases
  for (const { database } of [shop, central]) await ensureTopic(database, { name: TOPIC, partitions: PARTITIONS })
  await prepareAudit(shop.database, [central.database, effects.database], USERS)
  const tellAddresses = (): Promise<void> => {
    const addresses: WorkerAddresses = { shop: shop.url, log: central.url, effects: effects.url }
    return writeFileDurably(addressFile, JSON.stringify(addresses))
  }
  await tellAddresses()
  const team = startTeam(ROLES, { addressFile, topic: TOPIC, users: USERS })
  try {
    await until(context.signal, async () => (await audit(databases, 'late')).done > 0)
    const kills = await kill(context, { bed, team, tellAddresses, random: seededRandom(seed) })
    await team.end('producer')
    const isComplete = await until(context.signal, async () => {
      const found = await Promise.all(['each', 'batch', 'late'].map((group) => audit(databases, group)))
      return found.every(({ lost }) => lost === 0)
    })
    // Whatever would still come twice has come by now.
    await sleep(systemClock, 2_000, context.signal)
    for (const role of ['relay', 'consumer'] as const) await team.end(role)
    const [each, batch] = await Promise.all(GROUPS.sound.map((group) => audit(databases, group)))
    const sound = [each!, batch!]
    for (const [index, figures] of sound.entries()) context.keep(GROUPS.sound[index]!, { ...figures })
    return {
      figures: {
        committed: each!.committed,
        lost: sum(sound, 'lost'),
        duplicateEffects: sum(sound, 'duplicated'),
        disordered: sum(sound, 'disordered'),
        kills: kills.processes + kills.primaries,
        killsOfPrimary: kills.primaries,
        isComplete: isComplete ? 1 : 0,
      },
      peers: await naivePeers(databases),
    }
  } finally {
    team.kill()
  }
}

interface Killing {
  readonly bed: TopicsBed
  readonly team: Team
  readonly tellAddresses: () => Promise<void>
  readonly random: Random
}

/** Of processes about twice a second, of the primary whenever it has a standby that could take over. */
async function kill(
  { isQuick, signal, log }: BenchmarkContext,
  { bed, team, tellAddresses, random }: Killing,
): Promise<{ processes: number; primaries: number }> {
  const kills = { processes: 0, primaries: 0 }
  const endMs = systemClock.nowMs() + (isQuick ? QUICK_MS : FULL_MS)
  const mayGoOn = (): boolean => systemClock.nowMs() < endMs
  const killPrimaries = async (): Promise<void> => {
    while (mayGoOn()) {
      await sleep(systemClock, 1_000 + random.integer(2_000), signal)
      const isProtected = bed.cluster.nodes.some(({ role, state }) => role === 'standby' && state === 'ready')
      if (!isProtected || !mayGoOn()) continue
      await bed.crash()
      await tellAddresses()
      kills.primaries++
      log(`the primary was killed, and its standby has taken over: ${kills.primaries}`)
    }
  }
  const killProcesses = async (): Promise<void> => {
    while (mayGoOn()) {
      await sleep(systemClock, 100 + random.integer(900), signal)
      await team.replace(random.integer(ROLES.length))
      kills.processes++
    }
  }
  await Promise.all([killPrimaries(), killProcesses()])
  return kills
}

/** Both are wrong on purpose: that the checker finds it shows that it looks. */
async function naivePeers(databases: Databases): Promise<readonly Peer[]> {
  const descriptions: Record<(typeof GROUPS.naive)[number], string> = {
    early: 'position first, then the effect',
    late: 'effect first, then the position, no inbox',
  }
  const peers: Peer[] = []
  for (const group of GROUPS.naive) {
    const { committed, lost, duplicated, disordered } = await audit(databases, group)
    const figures: Figures = { committed, lost, duplicateEffects: duplicated, disordered }
    peers.push({ name: `naive: ${descriptions[group]}`, ran: true, version: 'of this checkout', figures })
  }
  return peers
}

async function audit(
  { shop, central, effects }: Databases,
  group: string,
): Promise<GroupAudit & { readonly done: number }> {
  const place = group === 'batch' ? central : effects
  const found = await auditGroup(shop.database, place.database, group)
  return { ...found, done: found.committed - found.lost }
}

function sum(audits: readonly GroupAudit[], figure: 'lost' | 'duplicated' | 'disordered'): number {
  return audits.reduce((total, each) => total + each[figure], 0)
}

/** Whether it came to hold. */
async function until(signal: AbortSignal, holds: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS
  while (systemClock.nowMs() < deadlineMs) {
    if (await holds().catch(() => false)) return true
    await sleep(systemClock, 100, signal)
  }
  return false
}
