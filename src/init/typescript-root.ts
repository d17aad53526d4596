import type { ProjectFiles } from './project-files.ts'

/** The configuration that a project is built with, where it has one for that. */
const CONFIGURATIONS = ['tsconfig.build.json', 'tsconfig.json']

/**
 * The file that makes the compiler take TypeScript files of the top directory along: one more there would change what
 * the build writes where, or fail it. Undefined when none does.
 */
export function rootIsCompiled(files: ProjectFiles): string | undefined {
  const there = CONFIGURATIONS.filter((name) => files.texts.has(name))
  const limited = there.find((name) => /"(?:include|files)"\s*:/.test(files.texts.get(name) ?? ''))
  if (there.length === 0) return undefined
  if (limited === undefined) return there[0]
  const text = files.texts.get(limited) ?? ''
  const included = /"include"\s*:\s*\[([^\]]*)\]/.exec(text)?.[1] ?? ''
  const patterns = [...included.matchAll(/"([^"]*)"/g)].map(([, pattern = '']) => pattern.replace(/^\.\//, ''))
  return patterns.some((pattern) => pattern === '.' || pattern.startsWith('*')) ? limited : undefined
}
