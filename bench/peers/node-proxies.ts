import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Proxy } from '../gateway/proxy.ts'
import { startProgram } from '../program.ts'

/** Proxies from npm, each in a Node of its own: `node-proxy.ts`. */
export const nodeProxies: readonly Proxy[] = ['httpxy', '@fastify/http-proxy', 'http-proxy-3'].map((name) => ({
  name,
  absence: `it is not installed: npm install --prefix ${JSON.stringify(fileURLToPath(new URL('.', import.meta.url)))}`,
  version: () => Promise.resolve(versionOf(name)),
  async start({ upstream, signal }) {
    const program = startProgram('peers/node-proxy.ts', ['--package', name, '--upstream', String(upstream)], signal)
    const { port } = (await program.next()) as { port: number }
    return { port, pid: program.pid, stop: () => program.stop() }
  },
}))

/** Not every package lets its package.json be imported, so it is looked for where Node would look. */
function versionOf(name: string): string | undefined {
  const require = createRequire(import.meta.url)
  for (const directory of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${directory}/${name}/package.json`) as { version: string }).version
    } catch {
      // Not in this one.
    }
  }
  return undefined
}
