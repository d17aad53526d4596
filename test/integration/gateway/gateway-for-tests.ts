import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { Subprocess, Subprocesses } from '../../../src/core/subprocess.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import type { Gateway, GatewayComponentOptions } from '../../../src/gateway/gateway-component.ts'
import { createGateway } from '../../../src/gateway/gateway-component.ts'
import type { GatewayStatus } from '../../../src/control/snapshot.ts'

/** A directory with everything that a gateway process needs; disposing of it ends every process and removes it. */
export interface Workbench extends AsyncDisposable {
  readonly directory: string
  readonly subprocesses: Subprocesses
  readonly states: GatewayStatus[]
  readonly notices: string[]
  gateway(options?: Partial<GatewayComponentOptions>): Gateway
  /** The gateway process that runs now. */
  process(): Subprocess
  log(): Promise<string>
}

export async function workbench(): Promise<Workbench> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold gateway '))
  const subprocesses = await createSubprocesses({
    recordFile: join(directory, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: true,
  })
  const states: GatewayStatus[] = []
  const notices: string[] = []
  const logFile = join(directory, 'gateway.log')
  const gateways: Gateway[] = []
  return {
    directory,
    subprocesses,
    states,
    notices,
    gateway(options = {}) {
      const gateway = createGateway({
        subprocesses,
        user: undefined,
        host: '127.0.0.1',
        port: 0,
        isPortGiven: false,
        adminSocketPath: join(directory, 'gw.sock'),
        logFile,
        clock: systemClock,
        routes: [{ prefix: '/', service: 'api' }],
        services: { api: { requestTimeoutMs: 5_000 } },
        onState: (state) => states.push(state),
        onNotice: ({ message }) => notices.push(message),
        ...options,
      })
      gateways.push(gateway)
      return gateway
    },
    process() {
      const child = subprocesses.list().find(({ name }) => name === 'gateway')
      if (child === undefined) throw new Error('expected a gateway process, got none')
      return child
    },
    log: () => readFile(logFile, 'utf8').catch(() => ''),
    async [Symbol.asyncDispose]() {
      await Promise.all(gateways.map((gateway) => gateway.stop(0)))
      await subprocesses.stopAll(0)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Waits until something holds, looking 50 times a second. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + 15_000
  while (!(await condition())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`expected within 15 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
