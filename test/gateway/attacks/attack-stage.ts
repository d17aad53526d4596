import { afterAll, beforeAll } from 'vitest'
import type { DataPlane } from '../data-plane-for-tests.ts'
import { startDataPlane } from '../data-plane-for-tests.ts'
import type { RawUpstream } from './raw-upstream-for-tests.ts'
import { startRawUpstream } from './raw-upstream-for-tests.ts'

/** The gateway in front of one instance that keeps every byte, for all tests of a file. */
export function attackStage(): { readonly port: number; readonly upstream: RawUpstream } {
  let upstream: RawUpstream
  let plane: DataPlane
  beforeAll(async () => {
    upstream = await startRawUpstream()
    plane = await startDataPlane([upstream.endpoint], { traffic: { ejection: undefined } })
  })
  afterAll(async () => {
    await plane[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  return {
    get port() {
      return plane.port
    },
    get upstream() {
      return upstream
    },
  }
}
