import { expect, test } from 'vitest'
import { parseOpenFiles, requireOpenFiles } from '../../src/core/open-files.ts'

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             15567                15567                processes
Max open files            1024                 4096                 files
`

test('reads the limit that counts', () => {
  expect(parseOpenFiles(LIMITS)).toBe(1_024)
  expect(parseOpenFiles(LIMITS.replace('1024 ', 'unlimited '))).toBe(Number.POSITIVE_INFINITY)
  expect(parseOpenFiles('something else')).toBeUndefined()
})

test('refuses what is too few for a system, and takes what nobody tells', () => {
  expect(() => requireOpenFiles(255)).toThrow('expected to be allowed at least 256 open files a process, got 255')
  for (const max of [256, undefined, Number.POSITIVE_INFINITY]) expect(() => requireOpenFiles(max)).not.toThrow()
})
