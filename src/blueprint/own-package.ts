import { registerHooks } from 'node:module'

const OWN_NAME = /^tenfold(?:\/|$)/
let isOffered = false

/**
 * Lets `import 'tenfold'` find this package in a project that has not installed it, so that its blueprint loads, say
 * one of a Python program. A package that is installed there comes first.
 */
export function offerOwnPackage(): void {
  if (isOffered) return
  isOffered = true
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!OWN_NAME.test(specifier)) return nextResolve(specifier, context)
      try {
        return nextResolve(specifier, context)
      } catch (error) {
        try {
          return nextResolve(specifier, { ...context, parentURL: import.meta.url })
        } catch {
          // What it asks for is not in this package either: the first error names the right place.
          throw error
        }
      }
    },
  })
}
