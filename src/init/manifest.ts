import type { ProjectFiles } from './project-files.ts'

/** What a `package.json` says, as far as it matters here. */
export interface Manifest {
  readonly name: string | undefined
  readonly type: 'module' | 'commonjs' | undefined
  readonly main: string | undefined
  readonly scripts: Readonly<Record<string, string>>
  /** Names of all dependencies, of any kind. */
  readonly dependencies: ReadonlySet<string>
}

/** What manages its packages. */
export type PackageManager = 'npm' | 'pnpm' | 'yarn'

/** The manifest of a project; undefined when there is none, or none that can be read. */
export function readManifest(files: ProjectFiles): Manifest | undefined {
  const given = parse(files.texts.get('package.json'))
  if (given === undefined) return undefined
  const { name, type, main } = given
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies']
  return {
    name: typeof name === 'string' ? name : undefined,
    type: type === 'module' || type === 'commonjs' ? type : undefined,
    main: typeof main === 'string' ? main : undefined,
    scripts: Object.fromEntries(
      Object.entries(record(given['scripts'])).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    ),
    dependencies: new Set(kinds.flatMap((kind) => Object.keys(record(given[kind])))),
  }
}

/** The lock file says which. */
export function packageManagerOf({ paths }: ProjectFiles): PackageManager {
  if (paths.has('pnpm-lock.yaml')) return 'pnpm'
  return paths.has('yarn.lock') ? 'yarn' : 'npm'
}

function parse(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
