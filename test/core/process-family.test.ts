import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFamily, keyOf } from '../../src/core/process-family.ts'
import type { ProcessRow } from '../../src/core/process-identity.ts'

function row(pid: number, parentPid: number, groupId: number, options: Partial<ProcessRow> = {}): ProcessRow {
  return { pid, parentPid, groupId, startTime: `t${pid}`, isZombie: false, ...options }
}

const root = { pid: 10, startTime: 't10' }
const nobody = { known: new Set<string>(), isMarked: () => false }

function family(table: readonly ProcessRow[], options: Partial<Parameters<typeof findFamily>[1]> = {}): number[] {
  return findFamily(table, { roots: [root], ...nobody, ...options }).map((member) => member.pid)
}

const shell = row(1, 0, 1)
const leader = row(10, 1, 10)

describe('a family', () => {
  it('is the leader, its group and all descendants, whatever group they chose', () => {
    const table = [shell, leader, row(11, 10, 10), row(12, 10, 12), row(13, 12, 12), row(14, 1, 10), row(20, 1, 20)]
    expect(family(table)).toEqual([10, 11, 12, 13, 14])
  })

  it('holds whoever is marked or was known, with their descendants', () => {
    const table = [shell, leader, row(30, 1, 30), row(31, 30, 31), row(40, 1, 40), row(50, 1, 50)]
    expect(family(table, { isMarked: (pid) => pid === 30, known: new Set([keyOf(row(40, 1, 40))]) })).toEqual([
      10, 30, 31, 40,
    ])
  })

  it('is the rest of the group when the leader is gone, and when it is a zombie', () => {
    expect(family([shell, row(11, 1, 10)])).toEqual([11])
    expect(family([shell, { ...leader, isZombie: true }, row(11, 1, 10), row(12, 10, 12)])).toEqual([11, 12])
  })

  it('does not hold a stranger with the pid of the leader, nor its group, nor its children', () => {
    const stranger = row(10, 1, 10, { startTime: 'later' })
    expect(family([shell, stranger, row(11, 10, 10), row(12, 10, 12)])).toEqual([])
  })

  it('does not hold a stranger with the pid of a known member', () => {
    expect(family([shell, row(40, 1, 40, { startTime: 'later' })], { known: new Set(['40@t40']) })).toEqual([])
  })

  it('never holds a process that has no tie to it', () => {
    const processes = fc.uniqueArray(
      fc.record({ pid: fc.integer({ min: 2, max: 60 }), parentPid: fc.nat({ max: 60 }), groupId: fc.nat({ max: 60 }) }),
      { selector: (one) => one.pid, maxLength: 40 },
    )
    fc.assert(
      fc.property(processes, (rows) => {
        const table = rows.map((one) => row(one.pid, one.parentPid, one.groupId))
        const members = new Set(family(table))
        for (const one of table) {
          const hasTie = one.groupId === root.pid || one.pid === root.pid || members.has(one.parentPid)
          // A root that is not in the table has no children any more, but its group may go on.
          if (hasTie && (one.pid !== root.pid || one.groupId === root.pid)) expect(members.has(one.pid)).toBe(true)
          if (!hasTie) expect(members.has(one.pid)).toBe(false)
        }
      }),
    )
  })
})
