import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { CapacityMemory } from '../autoscaler/lag-signal.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { messageOf } from '../core/errors.ts'

/** How fast instances were seen to handle events, by service; kept in a file, so that a restart knows it. */
export interface CapacityRecord {
  /** Of no service what can't be read: it is seen again. Never rejects. */
  load(): Promise<void>
  of(service: string): CapacityMemory
  /** Written soon; what is not written yet is lost with the process. */
  set(service: string, capacities: CapacityMemory): void
  /** Forgets services that are gone. */
  keep(services: readonly string[]): void
  /** Resolves when what was set is written. Never rejects. */
  flush(): Promise<void>
}

const recordSchema = z.object({
  layout: z.literal(1),
  services: z.record(
    z.string(),
    z.record(z.string(), z.object({ messages: z.number().min(0), busySeconds: z.number().min(0) })),
  ),
})

export function createCapacityRecord(file: string, onProblem: (message: string) => void): CapacityRecord {
  let services = new Map<string, CapacityMemory>()
  let isChanged = false
  let writing: Promise<void> | undefined
  let hasFailed = false

  async function write(): Promise<void> {
    while (isChanged) {
      isChanged = false
      try {
        // A power cut may take the last seconds of it.
        const content = { layout: 1, services: Object.fromEntries(services) }
        await writeFileDurably(file, `${JSON.stringify(content)}\n`, { isSynced: false })
      } catch (error) {
        if (!hasFailed) onProblem(`the capacity of consumers is not kept for the next start: ${messageOf(error)}`)
        hasFailed = true
      }
    }
    writing = undefined
  }

  function change(): void {
    isChanged = true
    writing ??= write()
  }

  return {
    async load() {
      const text = await readFile(file, 'utf8').catch(() => undefined)
      if (text === undefined) return
      try {
        services = new Map(Object.entries(recordSchema.parse(JSON.parse(text)).services))
      } catch {
        onProblem(`expected ${file} to have capacities of consumers, got something else: they are measured anew`)
      }
    },
    of: (service) => services.get(service) ?? {},
    set(service, capacities) {
      if (JSON.stringify(capacities) === JSON.stringify(services.get(service) ?? {})) return
      services.set(service, capacities)
      change()
    },
    keep(names) {
      const gone = [...services.keys()].filter((name) => !names.includes(name))
      for (const name of gone) services.delete(name)
      if (gone.length > 0) change()
    },
    flush: () => writing ?? Promise.resolve(),
  }
}
