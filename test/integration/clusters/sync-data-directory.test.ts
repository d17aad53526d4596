import { join } from 'node:path'
import { expect, test } from 'vitest'
import { syncDataDirectory } from '../../../src/clusters/sync-data-directory.ts'
import { createTestBed } from './test-bed.ts'

test('a data directory is put on the disk, or the error says why not', async () => {
  const bed = await createTestBed()
  try {
    const { directory, binaries, subprocesses, user } = bed
    const cluster = bed.cluster('orders')
    await cluster.start()
    await cluster.stop()
    const signal = AbortSignal.timeout(60_000)
    const options = { name: 'orders', binaries, subprocesses, user, logFile: join(directory, 'sync.log'), signal }
    await syncDataDirectory(join(directory, 'orders/data'), options)
    await expect(syncDataDirectory(join(directory, 'none'), options)).rejects.toMatchObject({
      code: 'TF_CLUSTER_START_FAILED',
      message: expect.stringContaining('none'),
    })
    await expect(
      syncDataDirectory(join(directory, 'orders/data'), { ...options, signal: AbortSignal.abort() }),
    ).rejects.toThrow()
  } finally {
    await bed.end()
  }
})
