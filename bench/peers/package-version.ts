import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Undefined if it is not installed. Not every package lets its package.json be imported, so it is looked for where Node would look. */
export function packageVersion(name: string): string | undefined {
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

/** How to get it. */
export const NOT_INSTALLED: string = `it is not installed: npm install --prefix ${JSON.stringify(fileURLToPath(new URL('.', import.meta.url)))}`
