import type { Random } from '../../src/core/random.ts'
import { shop } from '../e2e/shop.ts'

/** What a release is like: the second and the third must never take the place of what runs. */
export type Nature = 'good' | 'crashes' | 'hangs'

/** @see textOf */
export interface Sources {
  /** Unique; the answers say it. */
  readonly name: string
  readonly nature: Nature
}

/** How it is released; without an end it is on trial until something happens. */
export function releaseArguments(random: Random, isEndless: boolean): readonly string[] {
  const how = random.pick(['at once', 'canary', 'match', 'watch'] as const)
  const holdOrWatch = isEndless ? '10m' : `${1 + random.integer(3)}s`
  if (how === 'at once' && !isEndless) return ['release', 'web']
  if (how === 'canary') return ['release', '--canary', '20%', '--hold', holdOrWatch]
  if (how === 'match') return ['release', '--canary', '1%', '--match', 'x-canary: 1', '--hold', holdOrWatch]
  return ['release', '--watch', holdOrWatch]
}

/** The server of the shop, which says what it is, or does not get so far. */
export function textOf({ name, nature }: Sources): string {
  const server = shop()['server.js']!.replace('JSON.stringify({', `JSON.stringify({ release: '${name}',`)
  if (nature === 'good') return server
  return nature === 'crashes' ? `throw new Error('${name}')\n` : `setInterval(() => {}, 1_000) // ${name}\n`
}
