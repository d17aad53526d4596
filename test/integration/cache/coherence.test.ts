import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureInvalidations } from '../../../src/cache/invalidation-feeds/postgres.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import type { TestLog, TopicsBed } from '../topics/topics-bed.ts'
import { createTopicsBed } from '../topics/topics-bed.ts'
import { auditReads } from './fuzz/audit.ts'
import { fuzzCoherence } from './fuzz/fuzz-coherence.ts'
import { prepareItems } from './fuzz/prepare-items.ts'

let bed: TopicsBed
let topics: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  await ensureInvalidations(topics.database)
  await prepareItems(topics.database)
})

afterAll(() => bed.end())

test('no process answers with what is more than two seconds old, or older than its own changes, whatever happens', async () => {
  const seed = freshSeed()
  const outcome = await fuzzCoherence({
    module: new URL('fuzz/tenfold-subject.ts', import.meta.url).href,
    databaseUrl: topics.url,
    linkUrl: topics.url,
    processes: 3,
    durationMs: 6_000,
    random: seededRandom(seed),
  })
  const { reads, writes, hits, faults, defects } = outcome
  expect(defects, `seed ${seed}`).toEqual([])
  // There was something to be wrong about.
  expect(Math.min(reads, hits)).toBeGreaterThan(100)
  expect(Math.min(writes, faults)).toBeGreaterThan(2)
})

test('the audit finds what is old, and nothing else', () => {
  const write = (version: number, doneMs: number, process = 1) => ({ process, key: 'a', version, doneMs })
  const writes = [write(1, 100), write(2, 200), write(3, 5_000, 2)]
  const read = (version: number, askedMs: number, process = 2) => ({ process, key: 'a', version, askedMs })
  const audit = (...reads: ReturnType<typeof read>[]) => auditReads(reads, writes, 1_000)
  expect(audit(read(1, 1_100), read(2, 9_000, 3), read(0, 50))).toMatchObject({ staleReads: 1, ownStaleReads: 0 })
  expect(audit(read(1, 201, 1))).toMatchObject({ staleReads: 0, ownStaleReads: 1, staleMsMax: 1 })
  expect(audit(read(3, 9_000), read(2, 5_000), read(3, 100)).defects).toEqual([])
})
