import type { Application } from './application.ts'
import type { Manifest, PackageManager } from './manifest.ts'
import { packageManagerOf } from './manifest.ts'
import type { ProjectFiles } from './project-files.ts'

const ADD: Readonly<Record<PackageManager, string>> = {
  npm: 'npm install --save-dev tenfold',
  pnpm: 'pnpm add --save-dev tenfold',
  yarn: 'yarn add --dev tenfold',
}

/** The command lines that lead from a blueprint that was just written to a running system. */
export function nextSteps(
  files: ProjectFiles,
  facts: Pick<Application, 'build' | 'variables'> & { readonly manifest: Manifest | undefined },
): readonly string[] {
  const { manifest, build, variables } = facts
  const manager = packageManagerOf(files)
  const steps: string[] = []
  if (manifest !== undefined && !manifest.dependencies.has('tenfold')) steps.push(ADD[manager])
  // Adding a package installs the others, too.
  else if (manifest !== undefined && manifest.dependencies.size > 0 && !files.paths.has('node_modules/')) {
    steps.push(`${manager} install`)
  }
  if (build !== undefined) steps.push(build.value)
  if (variables !== undefined) steps.push('set -a; . ./.env; set +a')
  return [...steps, 'npx tenfold up']
}
