import { messageOf } from '../src/core/errors.ts'
import { connectDatabase } from '../src/sql/database.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures, Peer } from './benchmark.ts'
import { median } from './benchmark.ts'
import { bullMqRedis } from './peers/bullmq.ts'
import { graphileWorker } from './peers/graphile-worker.ts'
import { pgBoss } from './peers/pg-boss.ts'
import { compareEnqueuing, measureBacklog } from './queues/measure-queues.ts'
import { tenfoldQueues } from './queues/tenfold-queues.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'
import { withScratchRedis } from './servers/scratch-redis.ts'
import { whyAbsent } from './topics/contenders.ts'
import type { Subject } from './topics/measure-contender.ts'
import { besideTransaction, measureConsuming, measureDelivery, measurePublishing } from './topics/measure-contender.ts'

/** Items a second while it is measured how soon they begin. */
const PER_SECOND = 300
const CONTENDERS = [tenfoldQueues, pgBoss, graphileWorker, bullMqRedis] as const

export const benchmark: Benchmark = {
  name: 'queues',
  description: 'putting in against a plain insert; work, also under a snapshot held for three rounds; a large backlog',
  run(context) {
    return withScratchCluster({ name: 'queues' }, context.signal, (cluster) =>
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
    await admin.query(`create database ${name} owner queues`)
    const its = new URL(url)
    its.pathname = name
    return its.href
  }
  const subjects: Subject[] = []
  const peers: Peer[] = []
  try {
    const enqueuing = await compareEnqueuing(context, await create('enqueuing'))
    const backlog = await measureBacklog(context, await create('backlog'), context.isQuick ? 30_000 : 1_000_000)
    for (const [number, contender] of CONTENDERS.entries()) {
      const reason = await whyAbsent(contender, redisUrl)
      if (reason !== undefined) {
        peers.push({ name: contender.name, ran: false, reason })
        continue
      }
      const its = contender === bullMqRedis ? (redisUrl as string) : await create(`contender_${number}`)
      subjects.push({ contender, url: its, session: await contender.open(its) })
    }
    const [ours, ...theirs] = subjects as [Subject, ...Subject[]]
    const figures = { ...enqueuing, ...(await measureSubject(context, url, ours)), ...backlog }
    for (const subject of theirs) peers.push(await measurePeer(context, url, subject))
    return { figures, peers }
  } finally {
    for (const { session } of subjects) await session.end()
    await admin.end()
  }
}

/** One that does not do what it is asked for does not end the others. */
async function measurePeer(context: BenchmarkContext, url: string, subject: Subject): Promise<Peer> {
  const { name, version } = subject.contender
  try {
    const figures = await measureSubject(context, url, subject)
    return { name, ran: true, version: (await version()) as string, figures }
  } catch (error) {
    context.signal.throwIfAborted()
    return { name, ran: false, reason: messageOf(error) }
  }
}

/** Clean rounds, and then three with a snapshot that is held from before the first on. */
async function measureSubject(
  { isQuick, signal, keep }: BenchmarkContext,
  url: string,
  subject: Subject,
): Promise<Figures> {
  const count = isQuick ? 3_000 : 20_000
  const { name } = subject.contender
  const enqueuePerSecond = await measurePublishing(subject, isQuick ? 500 : 3_000)
  const delivery = await measureDelivery(subject, { perSecond: PER_SECOND, seconds: isQuick ? 2 : 8, signal })
  const clean = await measureConsuming(subject, { rounds: 3, count, signal })
  const held = await besideTransaction(url, () => measureConsuming(subject, { rounds: 3, count, signal }))
  for (const perSecond of clean) keep(`${name}, work`, { perSecond })
  for (const perSecond of held) keep(`${name}, work beside a snapshot`, { perSecond })
  return {
    enqueuePerSecond,
    beginMsP50: delivery.p50,
    beginMsP99: delivery.p99,
    workPerSecond: median(clean),
    workHeldSnapshotRatio: median(held) / median(clean),
    workHeldSnapshotRound3Ratio: (held[2] as number) / median(clean),
  }
}
