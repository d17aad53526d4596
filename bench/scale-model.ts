import type { Benchmark, BenchmarkContext, Figures } from './benchmark.ts'
import { measureAddsUp } from './scale-model/adds-up.ts'
import { generatorFigures, measureCleanGenerator } from './scale-model/clean-generator.ts'
import { measureNodeLatency, measureNodesAddUp } from './scale-model/database-nodes.ts'
import { compareShapes, measurePoints } from './scale-model/latency-shape.ts'
import { measurePeriods, pointFigures } from './scale-model/periods.ts'
import { whyNotEnforced } from './scale-model/quota.ts'
import type { Rig } from './scale-model/rig.ts'
import { createRig } from './scale-model/rig.ts'
import { openStage } from './scale-model/stage.ts'

const QUOTA = { cpu: 0.1 }
const CORE_MS = 4
const SUMS = [0, 1, 1.4, 1.6, 1.8, 2] as const

/** What a rehearsal on a small machine rests on; docs/internals/scale-model.md explains each figure. */
export const benchmark: Benchmark = {
  name: 'scale-model',
  description: 'whether instances and database nodes held to a share of a core behave like small machines',
  async run(context) {
    const problem = whyNotEnforced()
    if (problem !== undefined) {
      context.log(`CPU limits are not enforced here (${problem}), so there are no small machines to measure.`)
      context.log('Run it as root, or where control groups may be made.')
      process.exitCode = 1
      return { figures: { limitsEnforced: 0 }, peers: [] }
    }
    const figures = context.isQuick ? await runQuick(context) : await runFull(context)
    return { figures: { limitsEnforced: 1, ...figures }, peers: [] }
  },
}

/** Throughput, one point of latency, one sum. */
function runQuick(context: BenchmarkContext): Promise<Figures> {
  const services = { free: 1, solo1: 1, solo2: 1, solo3: 1, solo4: 1, two: 2, four: 4 }
  const patience = { attempts: 1, quietWaitMs: 0 }
  return onStage(context, { services, databases: 0, kinds: ['hash'], patience }, async (rig) => ({
    ...(await measureAddsUp(rig, {
      ...QUOTA,
      counts: [1, 2, 4],
      kind: 'hash',
      coreMs: CORE_MS,
      rounds: 2,
      seconds: 2,
    })),
    ...(await shapeAt(rig, 0.5, { rounds: 1, seconds: 7, secondsFree: 3 })),
    ...(await generators(rig, [1.8], { rounds: 1, seconds: 3 })),
  }))
}

/** Everything; some 25 minutes on a quiet machine. */
function runFull(context: BenchmarkContext): Promise<Figures> {
  const services = { free: 1, solo1: 1, solo2: 1, solo3: 1, solo4: 1, two: 2, four: 4, eight: 8 }
  const patience = { attempts: 3, quietWaitMs: 20_000 }
  return onStage(context, { services, databases: 4, kinds: ['hash', 'json', 'memory'], patience }, async (rig) => {
    const sizes = { counts: [1, 2, 4, 8], coreMs: CORE_MS, rounds: 3, seconds: 5 }
    const periods = { periodsMs: [10, 20, 50, 100], utilisations: [0.5, 0.7], rounds: 2, seconds: 8 }
    return {
      ...(await measureAddsUp(rig, { ...sizes, cpu: 0.1, kind: 'hash' })),
      ...(await measureAddsUp(rig, { ...sizes, cpu: 0.2, kind: 'hash' })),
      ...(await measureAddsUp(rig, { ...sizes, cpu: 0.2, kind: 'json' })),
      ...(await measureAddsUp(rig, { ...sizes, cpu: 0.2, kind: 'memory' })),
      ...(await curves(rig)),
      ...(await measurePeriods(rig, { ...periods, cpu: 0.1, coreMs: CORE_MS })),
      ...(await measurePeriods(rig, { ...periods, cpu: 0.2, coreMs: 1 })),
      ...(await databases(rig)),
      ...(await generators(rig, SUMS, { rounds: 3, seconds: 8 })),
    }
  })
}

/** One utilisation, with a quota and without. */
async function shapeAt(
  rig: Rig,
  utilisation: number,
  options: { rounds: number; seconds: number; secondsFree: number },
): Promise<Figures> {
  const point = { coreMs: CORE_MS, utilisation }
  const [limited, free] = await measurePoints(
    rig,
    [
      { ...point, quota: QUOTA, seconds: options.seconds },
      { ...point, quota: undefined, seconds: options.secondsFree },
    ],
    options.rounds,
  )
  if (limited === undefined || free === undefined) throw new Error('expected both points to have been measured')
  return { ...compareShapes(limited, free), ...pointFigures(limited), ...pointFigures(free) }
}

/** Latency over utilisation: the quota is some requests long, many, or less than one. */
async function curves(rig: Rig): Promise<Figures> {
  const shape = await shapeAt(rig, 0.5, { rounds: 3, seconds: 12, secondsFree: 8 })
  const points = [
    ...[0.3, 0.5, 0.7].flatMap((utilisation) => [
      { quota: undefined, coreMs: CORE_MS, utilisation, seconds: 8 },
      { quota: { cpu: 0.1 }, coreMs: CORE_MS, utilisation, seconds: 12 },
      { quota: { cpu: 0.2 }, coreMs: CORE_MS, utilisation, seconds: 12 },
    ]),
    ...[0.5, 0.7].flatMap((utilisation) => [
      { quota: { cpu: 0.1 }, coreMs: 1, utilisation, seconds: 8 },
      { quota: { cpu: 0.1 }, coreMs: 20, utilisation, seconds: 20 },
    ]),
  ]
  const results = await measurePoints(rig, points, 2)
  return Object.assign({}, ...results.map(pointFigures), shape) as Figures
}

async function databases(rig: Rig): Promise<Figures> {
  const figures: Record<string, number> = {}
  for (const statement of ['read', 'write'] as const) {
    const capacities = new Map<number, number>()
    for (const cpu of [0.1, 0.2, 0.4]) {
      // More than four tenths of both cores would leave too little for the client, which is no small one.
      const counts = cpu === 0.4 ? [1, 2] : [1, 2, 4]
      const sums = await measureNodesAddUp(rig, { cpu, counts, statement, rounds: 3, seconds: 4 })
      Object.assign(figures, sums.figures)
      capacities.set(cpu, sums.perSecondOf1)
    }
    const latency = await measureNodeLatency(rig, {
      quotas: [...capacities].map(([cpu, perSecond]) => ({ cpu, perSecond })),
      statement,
      utilisations: [0.5, 0.7],
      rounds: 2,
      seconds: 6,
    })
    Object.assign(figures, latency)
  }
  return figures
}

async function generators(
  rig: Rig,
  sums: readonly number[],
  options: { rounds: number; seconds: number },
): Promise<Figures> {
  const beside = await measureCleanGenerator(rig, { ...options, service: 'four', sums, ratePerSecond: 500 })
  return Object.assign({}, ...[...beside].map(([sum, figures]) => generatorFigures(sum, figures))) as Figures
}

async function onStage(
  context: BenchmarkContext,
  options: Omit<Parameters<typeof openStage>[0], 'quota'> & Parameters<typeof createRig>[2],
  run: (rig: Rig) => Promise<Figures>,
): Promise<Figures> {
  const { services, databases: count, kinds, patience } = options
  // Data and instances are made quickly; each part sets the quota that it measures.
  const stage = await openStage({ services, databases: count, quota: { cpu: 0.5 } }, context.signal)
  try {
    return await run(await createRig(stage, context, { kinds, patience }))
  } finally {
    await stage.stop()
  }
}
