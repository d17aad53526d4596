import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { decodeEvent, encodeEvent } from '../../src/topics/event-schema.ts'

const schema = z.object({ order: z.string(), cents: z.number().int().default(0) })
const check = { topic: 'orders', schema }

describe('the schema of a topic', () => {
  test('lets through what it describes, and fills in defaults where it is read', async () => {
    const text = await encodeEvent(check, { order: 'a' })
    expect(text).toBe('{"order":"a"}')
    expect(await decodeEvent(check, text)).toEqual({ order: 'a', cents: 0 })
  })

  test('reads what an earlier version has published, with a field more or less', async () => {
    expect(await decodeEvent(check, '{"order":"a","colour":"red"}')).toEqual({ order: 'a', cents: 0 })
  })

  test('refuses at both ends what it does not describe, and says where', async () => {
    const expected = { code: 'TF_EVENT_INVALID', message: expect.stringContaining('cents: ') as string }
    await expect(encodeEvent(check, { order: 'a', cents: 'many' })).rejects.toMatchObject(expected)
    await expect(decodeEvent(check, '{"order":"a","cents":"many"}')).rejects.toMatchObject(expected)
  })

  test('is not needed, but JSON is', async () => {
    const free = { topic: 'orders', schema: undefined }
    expect(await decodeEvent(free, await encodeEvent(free, [1, null]))).toEqual([1, null])
    await expect(encodeEvent(free, undefined)).rejects.toMatchObject({ code: 'TF_EVENT_INVALID' })
    await expect(decodeEvent(free, '{')).rejects.toMatchObject({ code: 'TF_EVENT_INVALID' })
  })
})
