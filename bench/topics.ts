import { connectDatabase } from '../src/sql/database.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures, Peer } from './benchmark.ts'
import { median } from './benchmark.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'
import { withScratchRedis } from './servers/scratch-redis.ts'
import { comparePublishing } from './topics/compare-publishing.ts'
import { contenders, onRedis, whyAbsent } from './topics/contenders.ts'
import type { Delivery, Subject } from './topics/measure-contender.ts'
import { besideTransaction, measureConsuming, measureDelivery, measurePublishing } from './topics/measure-contender.ts'

/** Messages a second while delivery is measured. */
const PER_SECOND = 500

export const benchmark: Benchmark = {
  name: 'topics',
  description:
    'publishing against a plain insert; delivery, also beside a long foreign transaction; consuming under a held snapshot',
  run(context) {
    return withScratchCluster({ name: 'log' }, context.signal, (cluster) =>
      withScratchRedis(context.signal, (redisUrl) => measure(context, cluster.url(), cluster.adminUrl(), redisUrl)),
    )
  },
}

async function measure(
  context: BenchmarkContext,
  url: string,
  adminUrl: string,
  redisUrl: string | undefined,
): Promise<BenchmarkOutcome> {
  const admin = connectDatabase({ url: adminUrl, connectionsMax: 1 })
  /** A database of its own. */
  async function create(name: string): Promise<string> {
    await admin.query(`create database ${name} owner log`)
    const its = new URL(url)
    its.pathname = name
    return its.href
  }
  const subjects: Subject[] = []
  const peers: Peer[] = []
  try {
    const publishing = await comparePublishing(context, await create('publishing'))
    for (const [number, contender] of contenders.entries()) {
      const reason = await whyAbsent(contender, redisUrl)
      if (reason !== undefined) {
        peers.push({ name: contender.name, ran: false, reason })
        continue
      }
      const its = contender === onRedis ? (redisUrl as string) : await create(`contender_${number}`)
      subjects.push({ contender, url: its, session: await contender.open(its) })
    }
    const outcomes = await measureAll(context, url, subjects)
    for (const [index, { contender }] of subjects.entries()) {
      if (index === 0) continue
      const version = (await contender.version()) as string
      peers.push({ name: contender.name, ran: true, version, figures: outcomes[index] as Figures })
    }
    return { figures: { ...publishing, ...outcomes[0] }, peers }
  } finally {
    for (const { session } of subjects) await session.end()
    await admin.end()
  }
}

/** Every subject in turn, in rounds. */
async function measureAll(
  { isQuick, signal, keep }: BenchmarkContext,
  url: string,
  subjects: readonly Subject[],
): Promise<readonly Figures[]> {
  const [rounds, seconds] = isQuick ? [1, 2.5] : [3, 12]
  const found = subjects.map(() => ({
    delivery: {} as Record<string, Delivery[]>,
    rates: {} as Record<string, number[]>,
  }))
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      const { name } = subject.contender
      const { delivery, rates } = found[index] as (typeof found)[number]
      const keepRate = (what: string, perSecond: number): void => {
        keep(`${name}, ${what}`, { perSecond })
        ;(rates[what] ??= []).push(perSecond)
      }
      const keepDelivery = (what: string, { p50, p99 }: Delivery): void => {
        keep(`${name}, ${what}`, { deliveryMsP50: p50, deliveryMsP99: p99 })
        ;(delivery[what] ??= []).push({ p50, p99 })
      }
      const isBrief = isQuick && index > 0
      const at = (perSecond: number): Promise<Delivery> =>
        measureDelivery(subject, { perSecond, seconds: isBrief ? 2 : seconds, signal })
      keepRate('publishing', await measurePublishing(subject, isQuick ? 500 : 3_000))
      keepDelivery('delivery', await at(PER_SECOND))
      if (!isBrief) {
        keepDelivery('delivery beside a transaction', await besideTransaction(url, () => at(PER_SECOND)))
        keepDelivery('delivery of twice as many', await at(2 * PER_SECOND))
      }
      const options = { rounds: 1, count: isBrief ? 2_000 : 20_000, signal }
      // In turns, so that both have the same hour of the machine.
      for (let turn = 0; turn < (isBrief ? 1 : 3); turn++) {
        const [clean = Number.NaN] = await measureConsuming(subject, options)
        const [held = Number.NaN] = await besideTransaction(url, () => measureConsuming(subject, options))
        keepRate('consuming', clean)
        keepRate('consuming beside a snapshot', held)
      }
    }
  }
  return found.map(({ delivery, rates }) => {
    const [clean = [], held = []] = [rates['consuming'], rates['consuming beside a snapshot']]
    return {
      publishPerSecond: median(rates['publishing'] ?? []),
      ...middle('deliveryMs', '', delivery['delivery']),
      ...middle('deliveryMs', 'ForeignTx', delivery['delivery beside a transaction']),
      ...middle('deliveryMs', 'At1000', delivery['delivery of twice as many']),
      consumePerSecond: median(clean),
      consumeHeldSnapshotRatio: median(held.map((rate, turn) => rate / (clean[turn] as number))),
    }
  })
}

function middle(name: string, suffix: string, runs: readonly Delivery[] | undefined): Figures {
  if (runs === undefined) return {}
  return {
    [`${name}P50${suffix}`]: median(runs.map(({ p50 }) => p50)),
    [`${name}P99${suffix}`]: median(runs.map(({ p99 }) => p99)),
  }
}
