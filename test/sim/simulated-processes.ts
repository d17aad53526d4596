import type { Clock } from '../../src/core/clock.ts'
import type { Random } from '../../src/core/random.ts'
import type { InstanceHost, RunningInstance } from '../../src/fleet/instance-host.ts'
import type { SimulatedHost } from '../../src/testing/simulated-host.ts'
import { simulatedHost } from '../../src/testing/simulated-host.ts'

/** CPU time of a request, one after the other, and the rest of its time, side by side. */
const CPU_MS = 40
const WAIT_MS = 200

/** One process as the traffic meets it. */
export interface SimulatedServer {
  readonly id: string
  readonly port: number
  /** It takes requests and never answers. */
  isHung: boolean
  /** Share of its answers that are 500. */
  badShare: number
  /** When its CPU is free again. */
  freeAtMs: number
  /** CPU time used, in ms, since it was asked the last time. */
  cpuMs: number
}

/** A host whose processes serve imaginary requests. */
export interface SimulatedProcesses {
  readonly host: InstanceHost
  /** To crash a process, or let its health checks fail. */
  readonly control: SimulatedHost
  /** Those that run, in the order they were started. */
  alive(): readonly SimulatedServer[]
  at(port: number): SimulatedServer | undefined
  /** When a request that begins now will be answered, in ms of the clock. */
  serve(server: SimulatedServer): number
}

/** @see createSimulatedProcesses */
export interface ProcessOptions {
  readonly clock: Clock
  readonly random: Random
  /** While true, starts may be slow, fail or never end, and requests cost more or less by chance. */
  readonly isDisturbed: () => boolean
  /** The fleet asks a process to leave. */
  readonly onStop: (server: SimulatedServer) => void
}

export function createSimulatedProcesses({ clock, random, isDisturbed, onStop }: ProcessOptions): SimulatedProcesses {
  const servers = new Map<number, SimulatedServer>()
  const control = simulatedHost(clock, () => {
    const readyAfterMs = 200 + random.exponential(1_500)
    const leavesAfterMs = random.next() < 0.1 ? Infinity : random.exponential(400)
    const chance = isDisturbed() ? random.next() : 1
    if (chance < 0.06) return { readyAfterMs: Infinity, leavesAfterMs }
    if (chance < 0.14) return { readyAfterMs, leavesAfterMs, exitsAfterMs: random.exponential(3_000) }
    return { readyAfterMs: chance < 0.3 ? readyAfterMs + random.exponential(10_000) : readyAfterMs, leavesAfterMs }
  })

  function watched(running: RunningInstance): RunningInstance {
    const { id, port } = running
    const server = { id, port, isHung: false, badShare: 0, freeAtMs: 0, cpuMs: 0 }
    servers.set(port, server)
    void running.exited.then(() => servers.delete(port))
    return {
      id,
      pid: running.pid,
      host: running.host,
      port,
      limitsNotEnforced: undefined,
      exited: running.exited,
      probe: (timeoutMs) => running.probe(timeoutMs),
      stop(deadlineMs) {
        if (servers.has(port)) onStop(server)
        return running.stop(deadlineMs)
      },
    }
  }

  return {
    control,
    host: { start: async (request) => watched(await control.start(request)) },
    alive: () => [...servers.values()],
    at: (port) => servers.get(port),
    serve(server) {
      const workMs = isDisturbed() ? random.exponential(CPU_MS) : CPU_MS
      server.freeAtMs = Math.max(server.freeAtMs, clock.nowMs()) + workMs
      server.cpuMs += workMs
      return server.freeAtMs + WAIT_MS
    },
  }
}
