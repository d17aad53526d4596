import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { findFreePort } from '../../src/core/free-port.ts'

/** Runs work with a Redis that was started for it, whose log reaches the disk every second; undefined where there is none. */
export async function withScratchRedis<Result>(
  signal: AbortSignal,
  work: (url: string | undefined) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-redis-'))
  const port = await findFreePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--appendonly', 'yes']
  const server = spawn('redis-server', args, { stdio: 'ignore', signal, killSignal: 'SIGKILL' })
  const hasStarted = await Promise.race([
    once(server, 'spawn').then(() => true),
    once(server, 'error').then(() => false),
  ]).catch(() => false)
  server.on('error', () => undefined)
  try {
    if (hasStarted) await untilOpen(port, signal)
    return await work(hasStarted ? `redis://127.0.0.1:${port}` : undefined)
  } finally {
    if (hasStarted && server.exitCode === null && server.signalCode === null) {
      const exit = once(server, 'exit')
      server.kill('SIGKILL')
      await exit
    }
    await rm(directory, { recursive: true, force: true })
  }
}

async function untilOpen(port: number, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await sleep(systemClock, 10, signal)
    } finally {
      socket.destroy()
    }
  }
  throw new Error('expected redis-server to open its port within five seconds')
}
