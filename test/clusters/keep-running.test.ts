import { beforeEach, describe, expect, test } from 'vitest'
import type { ClusterState } from '../../src/clusters/cluster-state.ts'
import { keepRunning, restartDelayMs } from '../../src/clusters/keep-running.ts'
import type { ExitStatus } from '../../src/core/subprocess.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const KILLED: ExitStatus = { code: undefined, signal: 'SIGKILL' }

let clock: ReturnType<typeof virtualClock>
let states: ClusterState[]
let servers: PromiseWithResolvers<ExitStatus>[]
let abort: AbortController

beforeEach(() => {
  clock = virtualClock()
  states = []
  servers = []
  abort = new AbortController()
})

function startServer(): { exited: Promise<ExitStatus> } {
  const server = Promise.withResolvers<ExitStatus>()
  servers.push(server)
  return { exited: server.promise }
}

function keep(restart: () => Promise<{ exited: Promise<ExitStatus> }> = async () => startServer()): Promise<void> {
  const onState = (state: ClusterState): void => void states.push(state)
  return keepRunning({ server: startServer(), restart, signal: abort.signal, clock, onState })
}

/** Ends the server that runs, and lets its successor start. */
async function crash(): Promise<ClusterState | undefined> {
  const seen = states.length
  servers.at(-1)?.resolve(KILLED)
  await clock.advance(0)
  const state = states[seen]
  await clock.advance(30_000)
  return state
}

describe('keeping a server running', () => {
  test('starts it again after a pause that doubles up to half a minute', async () => {
    expect([1, 2, 3, 9, 10, 1_000].map(restartDelayMs)).toEqual([100, 200, 400, 25_600, 30_000, 30_000])
    const kept = keep()
    const reason = 'the server was ended by SIGKILL'
    expect(await crash()).toEqual({ kind: 'backing-off', reason, attempt: 1, delayMs: 100 })
    expect(states.at(-1)).toEqual({ kind: 'ready' })
    expect(await crash()).toEqual({ kind: 'backing-off', reason, attempt: 2, delayMs: 200 })
    expect(servers).toHaveLength(3)
    abort.abort()
    await kept
  })

  test('begins with a short pause again after a minute without a crash', async () => {
    const kept = keep()
    await crash()
    await crash()
    await clock.advance(60_000)
    expect(await crash()).toMatchObject({ attempt: 1, delayMs: 100 })
    abort.abort()
    await kept
  })

  test('tries again when it does not come up, and says why', async () => {
    let failures = 2
    const kept = keep(async () => {
      if (failures-- > 0) throw new Error('the disk is full')
      return startServer()
    })
    await crash()
    expect(states).toMatchObject([
      { kind: 'backing-off', reason: 'the server was ended by SIGKILL', attempt: 1 },
      { kind: 'backing-off', reason: 'the disk is full', attempt: 2 },
      { kind: 'backing-off', reason: 'the disk is full', attempt: 3 },
      { kind: 'ready' },
    ])
    abort.abort()
    await kept
  })

  test('ends during a pause, and does not start it any more', async () => {
    const kept = keep()
    servers[0]?.resolve(KILLED)
    await clock.advance(50)
    abort.abort()
    await kept
    await clock.advance(60_000)
    expect(servers).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  test('ends at once when it is aborted already', async () => {
    abort.abort()
    await keep()
    expect(states).toEqual([])
  })
})
