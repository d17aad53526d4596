import { rm, stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { privateRuntimeDirectory } from '../../src/control/runtime-directory.ts'

test('a recorded directory is kept, with the permissions that this run needs', async () => {
  const options = { owner: undefined, env: {} }
  const first = await privateRuntimeDirectory({ ...options, recorded: undefined, isPassable: false })
  try {
    expect((await stat(first)).mode & 0o777).toBe(0o700)
    expect(await privateRuntimeDirectory({ ...options, recorded: first, isPassable: true })).toBe(first)
    expect((await stat(first)).mode & 0o777).toBe(0o711)
  } finally {
    await rm(first, { recursive: true })
  }
})
