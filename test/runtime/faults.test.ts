import { expect, test } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { strikeProcesses } from '../../src/runtime/faults.ts'

const SNAPSHOT = {
  databases: { orders: { nodes: [{ id: 'orders-1', pid: 10 }, { id: 'orders-2' }] } },
  services: { api: { instances: [{ id: 'api-1', pid: 20 }] } },
} as unknown as SystemSnapshot

function children(): { readonly sent: string[]; readonly list: Parameters<typeof strikeProcesses>[1] } {
  const sent: string[] = []
  const list = [10, 20, 30].map((pid) => ({
    identity: { pid, startTime: '1' },
    signal: (signal: NodeJS.Signals) => void sent.push(`${signal} ${pid}`),
  }))
  return { sent, list }
}

test('a fault strikes exactly the named nodes and instances', () => {
  const { sent, list } = children()
  expect(strikeProcesses(SNAPSHOT, list, ['orders-1', 'api-1'], 'kill')).toEqual([10, 20])
  expect(strikeProcesses(SNAPSHOT, list, ['api-1'], 'freeze')).toEqual([20])
  expect(sent).toEqual(['SIGKILL 10', 'SIGKILL 20', 'SIGSTOP 20'])
})

test('a fault strikes nobody when one of them does not run', () => {
  const { sent, list } = children()
  expect(() => strikeProcesses(SNAPSHOT, list, ['orders-1', 'orders-2'], 'kill')).toThrow(
    expect.objectContaining({ code: 'TF_USAGE' }),
  )
  expect(sent).toEqual([])
})
