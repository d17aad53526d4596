import type { Subprocess } from '../../core/subprocess.ts'
import { describeExit } from '../describe-exit.ts'
import type { InstanceExit, InstanceRequest, RunningInstance } from '../instance-host.ts'
import type { RunningJob } from '../job-scheduler.ts'
import { lastLines } from '../last-lines.ts'
import { probe } from '../readiness-probe.ts'

/** Where instances of this machine listen. */
export const LOOPBACK = '127.0.0.1'
const LAST_LINES = 20
/** The line that says why may be far above the end: a trace of calls comes after it. */
const LINES_READ = 100
const PORT_TAKEN = /EADDRINUSE|address already in use/i

/** What is known of an instance beside its process. */
export interface LocalInstanceFacts extends InstanceRequest {
  readonly port: number
  readonly outputFile: string
  /** Where in the file the output of this process begins. */
  readonly outputStart: number
  /** Takes secrets out of what it printed. */
  readonly hide: (text: string) => string
}

/** A program of a service that runs once. */
export function runningJob(child: Subprocess, facts: Omit<LocalInstanceFacts, 'port'>): RunningJob {
  const { outputFile, outputStart, service, hide } = facts
  return {
    exited: child.exited.then(async (status) => {
      const lines = (await lastLines(outputFile, LINES_READ, outputStart).catch(() => [])).map(hide)
      return { isSuccess: status.code === 0, reason: describeExit(status, lines, service.resources.memoryBytes) }
    }),
    async stop(deadlineMs) {
      await child.stop(deadlineMs)
    },
  }
}

/** A process of this machine that serves as an instance. */
export class LocalInstance implements RunningInstance {
  readonly id: string
  readonly pid: number
  readonly host: string = LOOPBACK
  readonly port: number
  readonly limitsNotEnforced: string | undefined
  readonly exited: Promise<InstanceExit>
  readonly #child: Subprocess
  readonly #health: string | undefined
  #givesWay: boolean

  constructor(child: Subprocess, facts: LocalInstanceFacts) {
    this.id = facts.id
    this.pid = child.identity.pid
    this.port = facts.port
    this.#child = child
    this.#health = facts.service.health
    this.#givesWay = facts.givesWay === true && !child.isAdopted
    const { cpu, memoryBytes } = facts.service.resources
    const isLimited = cpu !== undefined || memoryBytes !== undefined
    this.limitsNotEnforced =
      isLimited && !child.limits.enforced ? (child.limits.reason ?? 'limits are not enforced') : undefined
    this.exited = child.exited.then(async (status) => {
      const printed = await lastLines(facts.outputFile, LINES_READ, facts.outputStart).catch(() => [])
      const lines = printed.map(facts.hide)
      return {
        reason: describeExit(status, lines, memoryBytes),
        lastLines: lines.slice(-LAST_LINES),
        isPortTaken: lines.some((line) => PORT_TAKEN.test(line)),
      }
    })
  }

  async probe(timeoutMs: number): ReturnType<RunningInstance['probe']> {
    const result = await probe({ host: this.host, port: this.port, health: this.#health }, timeoutMs)
    // Until it is ready it may use the whole machine: a start is not what the limit is for.
    if (result.isReady) {
      this.#child.limitCpu(true)
      this.#givesWay = false
    }
    this.#child.yieldCpu(this.#givesWay)
    return result
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#child.stop(deadlineMs)
  }
}
