import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findFreePort } from '../../src/core/free-port.ts'
import { runTimed } from '../program.ts'
import type { Proxy } from './proxy.ts'

/** A proxy that is a program of this machine with a configuration file. */
export function foreignProxy(options: {
  readonly name: string
  /** What it says of its version: the first group. */
  readonly version: RegExp
  args(configFile: string, directory: string): readonly string[]
  config(ports: { port: number; upstream: number }, directory: string): string
}): Proxy {
  const { name } = options
  return {
    name,
    absence: `${name} is not on the PATH`,
    async version(signal) {
      const { output } = await runTimed('sh', ['-c', `${name} -v || true`], signal)
      return options.version.exec(output)?.[1]
    },
    async start({ upstream, directory, signal }) {
      const port = await findFreePort()
      const file = join(directory, `${name}.conf`)
      await writeFile(file, options.config({ port, upstream }, directory))
      const child = spawn(name, options.args(file, directory), { stdio: ['ignore', 'ignore', 'inherit'], signal })
      child.on('error', () => undefined)
      return {
        port,
        pid: child.pid ?? -1,
        async stop() {
          if (child.exitCode !== null || child.signalCode !== null) return
          const exited = once(child, 'exit')
          // Not SIGKILL: nginx and HAProxy would leave their workers behind.
          child.kill('SIGTERM')
          await exited
        },
      }
    },
  }
}
