import { clusters } from '../blueprint/clusters-of.ts'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { Subprocess } from '../core/subprocess.ts'

/** Whose process it is: the source of its frames and the labels of its samples. */
export interface ProcessOwner {
  readonly source: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Reports CPU time and memory of every child once a second. It looks from outside, so it works for any program.
 *
 * @param options.ownerOf undefined for children that are not measured
 */
export function createProcessMetrics(options: {
  readonly list: () => readonly Subprocess[]
  readonly ownerOf: (name: string) => ProcessOwner | undefined
  readonly append: (frame: MetricFrame) => void
  readonly clock: Clock
}): Component {
  const { list, ownerOf, append, clock } = options
  /** CPU seconds at the last look, by process, so that only what was added is reported. */
  let before = new Map<Subprocess, number>()
  let cancel: Cancel | undefined

  function measure(): void {
    const now = new Map<Subprocess, number>()
    for (const child of list()) {
      const owner = ownerOf(child.name)
      const cpuSeconds = child.cpuSeconds()
      const memoryBytes = child.memoryBytes()
      if (owner === undefined || cpuSeconds === undefined || memoryBytes === undefined) continue
      now.set(child, cpuSeconds)
      const last = before.get(child)
      if (last === undefined) continue
      append({
        atEpochMs: clock.epochMs(),
        source: owner.source,
        samples: [
          { name: 'process.cpu.time', labels: owner.labels, value: Math.max(0, cpuSeconds - last) },
          { name: 'process.memory.usage', labels: owner.labels, value: memoryBytes },
        ],
      })
    }
    before = now
  }

  return {
    start() {
      cancel ??= clock.every(1_000, measure, { unref: true })
      return Promise.resolve()
    },
    stop() {
      cancel?.()
      cancel = undefined
      return Promise.resolve()
    },
  }
}

/** Whose process a child is: names are given by the parts, instances by their ids. */
export function processOwner(name: string, blueprint: ResolvedBlueprint): ProcessOwner | undefined {
  const { services } = blueprint
  if (name === 'gateway') return { source: 'gateway', labels: {} }
  const database = name.replace(/\.\d+$/, '')
  if (Object.hasOwn(clusters(blueprint), database)) return { source: `postgres/${name}`, labels: { database } }
  const service = name.replace(/-\d+$/, '')
  if (!Object.hasOwn(services, service)) return undefined
  return { source: `instance/${name}`, labels: { service, instance: name } }
}
