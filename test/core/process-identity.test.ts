import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import {
  identifyProcess,
  isRunning,
  parseProcStat,
  readProcess,
  readRowsFromPs,
  signalProcess,
} from '../../src/core/process-identity.ts'

/** Fields 4 to 21 of proc(5), then the start time. */
const TAIL = '10 42 42 0 -1 4194304 191 24 0 0 7 5 0 0 20 0 1 0 233564 2654208 395'

describe('a line of /proc/PID/stat', () => {
  it.each(['node', 'a b', ') R 1 1', '((', 'x) Z 9 9 (y'])('is read although the program is called %j', (name) => {
    expect(parseProcStat(`4711 (${name}) S ${TAIL}`)).toEqual({
      pid: 4711,
      startTime: '233564',
      parentPid: 10,
      groupId: 42,
      isZombie: false,
    })
  })

  it.each([
    ['Z', true],
    ['X', true],
    ['R', false],
    ['D', false],
    ['T', false],
  ])('in state %s means zombie: %s', (state, isZombie) => {
    expect(parseProcStat(`1 (x) ${state} ${TAIL}`)?.isZombie).toBe(isZombie)
  })

  it.each(['', '12', '12 (x) S 1'])('is nobody when it is cut off: %j', (line) => {
    expect(parseProcStat(line)).toBeUndefined()
  })
})

describe('a process', () => {
  it('is found with its parent, and is the same twice', () => {
    const self = identifyProcess(process.pid)!
    expect(self).toEqual(identifyProcess(process.pid))
    expect(isRunning(self)).toBe(true)
    expect(readProcess(process.pid)?.parentPid).toBe(process.ppid)
  })

  it('is found by ps as well, as on systems without /proc', () => {
    const [self] = readRowsFromPs(['-p', String(process.pid)])
    expect(self).toMatchObject({ pid: process.pid, parentPid: process.ppid, isZombie: false })
    expect(self!.startTime).toMatch(/\d\d:\d\d:\d\d \d{4}$/)
    expect(readRowsFromPs(['-p', '4194305'])).toEqual([])
  })

  it('is not running when another one has its pid, and gets no signal then', () => {
    const other = { pid: process.pid, startTime: '1' }
    expect(isRunning(other)).toBe(false)
    expect(signalProcess(other, 'SIGKILL')).toBe(false)
  })

  it('is gone when it has ended, and so is a zombie', async () => {
    const child = spawn('sh', ['-c', 'sleep 0 & exec sleep 60'], { stdio: 'ignore' })
    const identity = identifyProcess(child.pid!)!
    expect(isRunning(identity)).toBe(true)
    expect(signalProcess(identity, 'SIGKILL')).toBe(true)
    await once(child, 'exit')
    expect(isRunning(identity)).toBe(false)
    expect(signalProcess(identity, 'SIGKILL')).toBe(false)
  })
})
