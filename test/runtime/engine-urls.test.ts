import { expect, test } from 'vitest'
import { createEngineUrls } from '../../src/runtime/engine-urls.ts'

const KAFKA = { kind: 'kafka', database: 'orders', urlVariable: 'KAFKA_URL' } as const

test('an address is read anew each time, known from then on, and hidden', async () => {
  const values: Record<string, string> = {}
  const hidden: string[] = []
  const urls = createEngineUrls({ read: async () => values, keepHidden: (more) => void hidden.push(...more) })
  expect(urls.known(KAFKA)).toBeUndefined()
  await expect(urls.read(KAFKA)).rejects.toMatchObject({
    code: 'TF_SECRET_MISSING',
    hint: expect.stringContaining('KAFKA_URL=kafka://'),
  })
  values['KAFKA_URL'] = 'kafka://me:secret@one:9092'
  expect(await urls.read(KAFKA)).toBe('kafka://me:secret@one:9092')
  expect(urls.known(KAFKA)).toBe('kafka://me:secret@one:9092')
  expect(hidden).toEqual(['kafka://me:secret@one:9092'])
})
