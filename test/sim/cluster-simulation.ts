import { seededRandom } from '../../src/core/random.ts'
import { createAgenda } from './agenda.ts'
import type { SimulatedRecord } from './simulated-operator.ts'
import { startOperator } from './simulated-operator.ts'
import type { SimulatedServer } from './simulated-servers.ts'
import { createSimulatedServers } from './simulated-servers.ts'

/** What happened for one seed. */
export interface ClusterStory {
  readonly log: readonly string[]
  /** What the checkers found; empty: nothing. */
  readonly defects: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}

/** Faults until then; afterwards it is left alone. */
const DISTURBED_MS = 12_000
const STORY_MS = 32_000
const FAULT_MS = 700

/**
 * A cluster in trouble, then in peace: the real arbiter, with servers and an operator in virtual time. Checked all the
 * time: never two that may write, nothing acknowledged that the node that may take over lacks, nothing lost by a
 * promotion, each in a term of its own; in the end it is as whole as before. Everything by chance comes from the seed.
 *
 * @example simulateCluster(7).defects // []
 */
export function simulateCluster(seed: number): ClusterStory {
  const random = seededRandom(seed)
  const agenda = createAgenda()
  const log: string[] = []
  const defects: string[] = []
  const figures = { acknowledged: 0, promotions: 0, faults: 0, operators: 0 }
  const isRequired = random.integer(2) === 0
  const record: SimulatedRecord = { primary: 1, term: 1, synchronous: undefined }
  let promotedTerm = 1
  const say = (text: string): void => void log.push(`${agenda.nowMs} ${text}`)
  const find = (defect: string): void => {
    say(`DEFECT ${defect}`)
    defects.push(`at ${agenda.nowMs} ms: ${defect}`)
  }

  const servers = createSimulatedServers({
    agenda,
    random: random.fork('servers'),
    count: 2 + random.integer(3),
    onAcknowledged(write, server, place) {
      figures.acknowledged++
      const has = (other: SimulatedServer): boolean => other !== server && other.log[place - 1] === write
      const { synchronous } = record
      if (server.id !== record.primary) find(`${server.id} acknowledged ${write}, but ${record.primary} is the primary`)
      if (synchronous !== undefined && !has(servers.get(synchronous))) {
        find(`${synchronous} is recorded as synchronous, and lacks ${write}`)
      }
      if (isRequired && !servers.all.some(has)) find(`${write} is on one disk only`)
    },
  })

  // Set up as it should be: nobody writes before.
  if (isRequired) for (const server of servers.all) server.waitsFor = 'any'

  function checkWriters(): void {
    const writers = servers.all.filter(({ process, isPrimary }) => process !== 'none' && isPrimary)
    if (writers.length > 1) find(`${writers.map(({ id }) => id).join(' and ')} write`)
  }

  function checkLog(server: SimulatedServer): void {
    const there = new Set(server.log)
    const lost = servers.acknowledged.filter((write) => !there.has(write))
    if (lost.length > 0) find(`${server.id} lacks ${lost.length} acknowledged writes, first ${lost[0]}`)
  }

  function operate(): ReturnType<typeof startOperator> {
    figures.operators++
    return startOperator({
      agenda,
      random: random.fork(`operator ${figures.operators}`),
      servers,
      record,
      isRequired,
      say,
      onPromoted(server) {
        figures.promotions++
        say(`promoted ${server.id} in term ${record.term}`)
        if (record.term <= promotedTerm) find(`${server.id} was promoted in a term that was not new`)
        promotedTerm = record.term
        checkWriters()
        checkLog(server)
      },
    })
  }

  let operator = operate()
  const chance = random.fork('faults')

  function disturb(): void {
    if (agenda.nowMs >= DISTURBED_MS) return
    figures.faults++
    const kind = chance.pick(['kill', 'kill', 'stop', 'cut', 'operator'] as const)
    // The primary more often than others.
    const server = chance.integer(2) === 0 ? servers.get(record.primary) : chance.pick(servers.all)
    const forMs = chance.pick([50, 500, 4_000, 9_000])
    say(`fault ${kind} ${server.id} for ${forMs} ms`)
    if (kind === 'kill') servers.kill(server)
    if (kind === 'stop' && server.process !== 'none') server.isStopped = true
    if (kind === 'cut') server.isCut = true
    if (kind === 'operator') operator.kill()
    agenda.after(forMs, () => {
      if (kind === 'stop') resume(server)
      if (kind === 'cut') server.isCut = false
      if (kind !== 'operator') return
      operator.kill()
      operator = operate()
    })
    checkWriters()
    agenda.after(chance.integer(4) === 0 ? chance.integer(30) : chance.integer(2 * FAULT_MS), disturb)
  }

  function resume(server: SimulatedServer): void {
    server.isStopped = false
    servers.release(server)
  }

  agenda.after(1_500, disturb)
  for (let ms = 0; ms <= STORY_MS && defects.length === 0; ms += 100) {
    agenda.runUntil(ms)
    checkWriters()
    if (ms === DISTURBED_MS + 8_000) servers.stopWriting()
  }
  if (defects.length === 0) checkEnd()

  function checkEnd(): void {
    const primary = servers.get(record.primary)
    checkLog(primary)
    if (primary.process !== 'running' || !primary.isPrimary) find('nobody takes writes in the end')
    if (record.synchronous === undefined) find('nobody is synchronous in the end')
    for (const server of servers.all) {
      if (server === primary) continue
      const isEqual = server.log.length === primary.log.length && servers.isPrefix(server, primary)
      if (!isEqual || !servers.isStreaming(server)) find(`${server.id} does not follow in the end`)
    }
  }
  return { log, defects, figures }
}
