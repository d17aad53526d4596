import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Release } from './release.ts'

/** What the instances of a service are made from. Replaced as a whole; two are the same only if they are one object. */
export interface Revision {
  readonly service: ResolvedService
  readonly release: Release
}
