import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { writeFileDurably } from '../../../src/core/durable-file.ts'
import type { Random } from '../../../src/core/random.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import { until } from '../clusters/test-bed.ts'
import type { GroupAudit } from './audit.ts'
import { auditGroup, prepareAudit } from './audit.ts'
import { startTeam } from './team.ts'
import type { TestLog } from './topics-bed.ts'
import type { WorkerAddresses, WorkerOrder } from './topics-worker.ts'
import { GROUPS, PARTITIONS } from './topics-worker.ts'

/** A hunt for what is lost, happens twice, or out of order, while processes are killed and frozen. */
export interface FaultHunt {
  /** Has the outbox. */
  readonly shop: TestLog
  /** Has the effects, and the log unless a broker has it. */
  readonly central: TestLog
  /** Where the log is, if it is in a broker. */
  readonly broker?: Pick<WorkerOrder, 'rabbitUrl' | 'kafka'>
  /** Besides a producer, two relays and two consumers. */
  readonly moreRoles?: readonly WorkerOrder['role'][]
  /** @default 'changes' */
  readonly topic?: string
  readonly faults: number
  /** How long a process is frozen, ms: longer than a lease. */
  readonly frozenMs: number
  /** A fault of something else, once in five, and the sixth in any case. */
  readonly strike?: (random: Random) => Promise<void>
}

const USERS = 8
const ROLES = ['producer', 'relay', 'relay', 'consumer', 'consumer'] as const

/**
 * Publishes, relays and consumes in processes of their own, strikes, waits until all has arrived, and looks at it.
 *
 * @returns what was done, for people
 */
export async function huntFaults(hunt: FaultHunt): Promise<string> {
  const { shop, central, broker, faults, frozenMs, strike, topic = 'changes' } = hunt
  const roles = [...ROLES, ...(hunt.moreRoles ?? [])]
  const seed = freshSeed()
  const random = seededRandom(seed)
  for (const { database } of [shop, central]) await ensureTopic(database, { name: topic, partitions: PARTITIONS })
  await prepareAudit(shop.database, [central.database], USERS)
  const audits = async (): Promise<readonly GroupAudit[]> =>
    Promise.all(GROUPS.sound.map((group) => auditGroup(shop.database, central.database, group)))
  const directory = await mkdtemp(join(tmpdir(), 'tenfold hunt-'))
  const addressFile = join(directory, 'addresses.json')
  const tellAddresses = (): Promise<void> => {
    const addresses: WorkerAddresses = { shop: shop.url, log: central.url, effects: central.url }
    return writeFileDurably(addressFile, JSON.stringify(addresses))
  }
  await tellAddresses()
  const team = startTeam(roles, { addressFile, topic, users: USERS, ...broker })
  const struck = { killed: 0, frozen: 0, other: 0 }
  try {
    await until('the first effects are there', async () =>
      (await audits()).every(({ lost, committed }) => lost < committed),
    )
    for (let n = 0; n < faults; n++) {
      await sleep(systemClock, 100 + random.integer(500))
      if (strike !== undefined && (n === 5 || random.next() < 0.2)) {
        await strike(random)
        struck.other++
        await tellAddresses()
        continue
      }
      const index = random.integer(roles.length)
      if (random.next() < 0.3) {
        // Longer than the lease: whoever wakes up then thinks that it has its partitions.
        struck.frozen++
        team.signal(index, 'SIGSTOP')
        systemClock.schedule(frozenMs, () => team.signal(index, 'SIGCONT'))
      } else {
        struck.killed++
        await team.replace(index)
      }
    }
    await sleep(systemClock, frozenMs + 100)
    await until('enough is committed', async () => (await audits()).every(({ committed }) => committed > 100))
    await team.end('producer')
    await until(`all of seed ${seed} have arrived`, async () => (await audits()).every(({ lost }) => lost === 0))
    await Promise.all([...new Set(roles)].map((role) => team.end(role)))
    const found = await audits()
    const sound = { committed: found[0]!.committed, lost: 0, duplicated: 0, disordered: 0 }
    expect({ seed, found }).toEqual({ seed, found: GROUPS.sound.map(() => sound) })
    const { killed, frozen, other } = struck
    return `seed ${seed}: ${sound.committed} committed, lost 0, effects twice 0; ${killed} processes killed, ${frozen} frozen, ${other} strikes at the broker`
  } finally {
    team.kill()
    await rm(directory, { recursive: true, force: true })
  }
}
