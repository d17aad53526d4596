import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The jars of a broker, or why there are none. */
export type KafkaJars = { readonly directory: string; readonly version: string } | { readonly missing: string }

const POM = fileURLToPath(new URL('broker.pom.xml', import.meta.url))
const RESOLVE_TIMEOUT_MS = 110_000

/** Finds the jars in the cache of the user, where Maven puts them the first time: 43 MiB. */
export function findKafkaJars(): KafkaJars {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 20_000 })
  const major = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1] ?? 0)
  if (major < 17) return { missing: 'Java 17 or later is not installed' }
  const version = /<version>([\d.]+)<\/version>/.exec(readFileSync(POM, 'utf8'))?.[1] as string
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tenfold-test')
  const directory = join(cache, `kafka-${version}`)
  if (existsSync(directory)) return { directory, version }
  const draft = `${directory}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`]
  const maven = spawnSync('mvn', ['--quiet', '--batch-mode', '--file', POM, ...goal], {
    encoding: 'utf8',
    timeout: RESOLVE_TIMEOUT_MS,
  })
  if (maven.status === 0) {
    // Two that resolve at once have the same.
    if (!existsSync(directory)) renameSync(draft, directory)
    return { directory, version }
  }
  rmSync(draft, { recursive: true, force: true })
  return { missing: maven.error === undefined ? 'Maven could not bring its jars' : 'Maven is not installed' }
}
