import { expect, test } from 'vitest'
import { createWorkPlaces } from '../../src/topics/work-places.ts'

test('what is tried again goes before what has not begun, each in the order in which it asked', async () => {
  const places = createWorkPlaces(1)
  const begun: string[] = []
  const work = (name: string, isAgain = false): Promise<void> => places.run(async () => void begun.push(name), isAgain)
  await Promise.all([work('first'), work('new 1'), work('new 2'), work('again 1', true), work('again 2', true)])
  expect(begun).toEqual(['first', 'again 1', 'again 2', 'new 1', 'new 2'])
})
