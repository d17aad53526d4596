import { expect, test } from 'vitest'
import type { PreparedNames } from '../../src/sql/prepared-names.ts'
import { createPreparedNames } from '../../src/sql/prepared-names.ts'

function namesAndDropped(): { names: PreparedNames; dropped: string[] } {
  const dropped: string[] = []
  return { names: createPreparedNames((name) => dropped.push(name)), dropped }
}

function use(names: PreparedNames, text: string, times: number): string | undefined {
  let name: string | undefined
  for (let time = 0; time < times; time++) name = names.nameOf(text)
  return name
}

test('a text gets a name at its fifth use, and keeps it', () => {
  const { names } = namesAndDropped()
  expect(use(names, 'select 1', 4)).toBeUndefined()
  const name = names.nameOf('select 1')
  expect(name).toBeDefined()
  expect(names.nameOf('select 1')).toBe(name)
  expect(use(names, 'select 2', 5)).not.toBe(name)
})

test('beyond 100 the one that was not used for longest is dropped', () => {
  const { names, dropped } = namesAndDropped()
  const first = use(names, 'select 0', 5)
  const second = use(names, 'select 1', 5)
  for (let n = 2; n < 100; n++) use(names, `select ${n}`, 5)
  names.nameOf('select 0')
  use(names, 'select 100', 5)
  expect(dropped).toEqual([second])
  expect(names.nameOf('select 0')).toBe(first)
  expect(names.nameOf('select 1')).toBeUndefined()
})

test('a text that is forgotten begins anew, under another name', () => {
  const { names, dropped } = namesAndDropped()
  const name = use(names, 'select 1', 5)!
  names.forget('select 1', name)
  expect(use(names, 'select 1', 4)).toBeUndefined()
  const next = names.nameOf('select 1')
  // Somebody else's answer to the old name comes late.
  names.forget('select 1', name)
  expect(names.nameOf('select 1')).toBe(next)
  expect(next).not.toBe(name)
  expect(dropped).toEqual([name])
})
