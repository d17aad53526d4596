import { expect, test } from 'vitest'
import { didYouMean } from '../../src/core/did-you-mean.ts'

const known = ['databases', 'caches', 'services', 'objectives']

test.each([
  ['databses', 'databases'],
  ['Services', 'services'],
  ['serivces', 'services'],
  ['objective', 'objectives'],
  ['cahces', 'caches'],
])('%s is taken for %s', (given, meant) => {
  expect(didYouMean(given, known)).toBe(meant)
})

test.each(['queues', 'x', ''])('%j is like none of them', (given) => {
  expect(didYouMean(given, known)).toBeUndefined()
})
