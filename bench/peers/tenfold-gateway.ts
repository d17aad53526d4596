import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { GatewayClient } from '../../src/gateway/gateway-client.ts'
import { createGatewayClient } from '../../src/gateway/gateway-client.ts'
import { GATEWAY_OPTIONS_VARIABLE } from '../../src/gateway/gateway-options.ts'
import type { GatewayState } from '../../src/gateway/gateway-state.ts'
import type { Proxy } from '../gateway/proxy.ts'

const READY_MS_MAX = 15_000

/**
 * The gateway's own process with everything on: two instances to choose from, probes, ejection, retries, frames and spans
 * that somebody reads, every header.
 */
export const tenfoldGateway: Proxy = {
  name: 'tenfold',
  absence: '',
  version: () => Promise.resolve('this checkout'),
  async start({ upstream, directory, signal }) {
    const adminSocketPath = join(directory, 'gateway.sock')
    const headers = { bytesMax: 16_384, countMax: 100 }
    const listeners = { host: '127.0.0.1', port: 0, isPortGiven: true, internalPort: 0, headers, isSecure: false }
    const options = { ...listeners, adminSocketPath }
    const entry = fileURLToPath(new URL('../../src/gateway/gateway-process.ts', import.meta.url))
    const child = spawn(process.execPath, ['--conditions=tenfold-source', entry], {
      env: { ...process.env, [GATEWAY_OPTIONS_VARIABLE]: JSON.stringify({ ...options, stopDeadlineMs: 1_000 }) },
      stdio: ['ignore', 'ignore', 'inherit'],
      signal,
      killSignal: 'SIGKILL',
    })
    child.on('error', () => undefined)
    const leaving = new AbortController()
    const client = createGatewayClient(adminSocketPath)
    const { url } = await ready(client, signal)
    const endpoints = ['api-1', 'api-2'].map((id) => ({ id, host: '127.0.0.1', port: upstream }))
    const probe = { path: '/', intervalMs: 1_000, timeoutMs: 1_000, failures: 3, successes: 1 }
    await client.configure({
      version: 1,
      routes: [{ prefix: '/', service: 'api' }],
      services: { api: { requestTimeoutMs: 30_000, endpoints, traffic: { ...DEFAULT_TRAFFIC, probe } } },
    })
    const ended = AbortSignal.any([signal, leaving.signal])
    void read(client.frames(ended))
    void read(client.spans(ended))
    return {
      port: Number(new URL(url).port),
      pid: child.pid ?? -1,
      async stop() {
        leaving.abort()
        if (child.exitCode !== null || child.signalCode !== null) return
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      },
    }
  },
}

async function ready(client: GatewayClient, signal: AbortSignal): Promise<GatewayState> {
  const beganMs = systemClock.nowMs()
  for (;;) {
    await sleep(systemClock, 20, signal)
    try {
      return await client.state()
    } catch (error) {
      if (systemClock.nowMs() - beganMs > READY_MS_MAX) throw error
    }
  }
}

async function read(stream: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of stream);
  } catch {
    // It has been measured.
  }
}
