import { describe, expect, test } from 'vitest'
import { parseControlFile } from '../../src/clusters/control-file.ts'
import { parsePostmasterFile } from '../../src/clusters/postmaster-file.ts'
import { parsePosition } from '../../src/sql/log-position.ts'
import { scramVerifier } from '../../src/clusters/scram-verifier.ts'

/** The first fields of a control file in the byte order of this machine. */
function controlFile(systemIdentifier: bigint, state: number): Uint8Array {
  const bytes = Buffer.alloc(8192)
  bytes.set(new Uint8Array(new BigUint64Array([systemIdentifier]).buffer), 0)
  bytes.set(new Uint8Array(new Uint32Array([1800, 202_506_291, state]).buffer), 8)
  bytes.set(new Uint8Array(new BigUint64Array([0x3_00000028n]).buffer), 32)
  return bytes
}

describe('control file', () => {
  test.each([
    [0, false],
    [1, true],
    [2, true],
    [3, false],
    [4, false],
    [5, false],
    [6, false],
  ])('state %d means that the server was shut down: %s', (state, wasShutDown) => {
    expect(parseControlFile(controlFile(7_567_233_452_345_678_901n, state))).toEqual({
      systemIdentifier: '7567233452345678901',
      checkpoint: parsePosition('3/28'),
      wasShutDown,
    })
  })

  test('is refused when it is cut off', () => {
    expect(() => parseControlFile(new Uint8Array(10))).toThrow(RangeError)
  })
})

describe('postmaster.pid', () => {
  test('names the process, its port and what it is doing', () => {
    expect(parsePostmasterFile('4711\n/data\n1764000000\n5433\n/tmp/x\n127.0.0.1\n  1 2\nready   \n')).toEqual({
      pid: 4711,
      dataDirectory: '/data',
      port: 5433,
      status: 'ready',
    })
  })

  test('is understood while it is being written', () => {
    expect(parsePostmasterFile('4711\n/data\n')).toEqual({
      pid: 4711,
      dataDirectory: '/data',
      port: undefined,
      status: undefined,
    })
    expect(parsePostmasterFile('')).toBeUndefined()
    expect(parsePostmasterFile('garbage')).toBeUndefined()
  })

  test('names the process of a standalone back end, too', () => {
    expect(parsePostmasterFile('-99\n/data\n')?.pid).toBe(99)
  })
})

describe('SCRAM verifier', () => {
  test('is what PostgreSQL stores for the example of RFC 7677', () => {
    expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    )
  })
})
