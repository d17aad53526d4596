import type { ProjectFiles } from '../../src/init/project-files.ts'

/** A project in memory; `programs` are those of its installed dependencies. */
export function project(files: Readonly<Record<string, string>>, programs: readonly string[] = []): ProjectFiles {
  const directories = Object.keys(files).flatMap((path) => {
    const parts = path.split('/').slice(0, -1)
    return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`)
  })
  return {
    directoryName: 'my app',
    paths: new Set([...Object.keys(files), ...directories]),
    texts: new Map(Object.entries(files)),
    programs: new Set(programs),
  }
}
