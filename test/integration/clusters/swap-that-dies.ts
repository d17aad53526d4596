import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { clusterPathsOf } from '../../../src/clusters/cluster-record.ts'
import { decideSwap, finishSwap } from '../../../src/clusters/pending-swap.ts'

/** A program that swaps data, and kills itself before it asks the file system for something for the nth time. */
const [directory = '', steps = ''] = process.argv.slice(2)
let left = Number(steps)
for (const name of ['rename', 'open', 'rm'] as const) {
  const real = fs[name] as (...given: unknown[]) => Promise<unknown>
  const dying = async (...given: unknown[]): Promise<unknown> => {
    if (left-- === 0) process.kill(process.pid, 'SIGKILL')
    return real(...given)
  }
  Object.assign(fs, { [name]: dying })
}
syncBuiltinESMExports()

const record = { layout: 1, superuserPassword: 'new', servicePassword: 'new', term: 2 } as const
const paths = clusterPathsOf(directory)
await finishSwap(paths)
await decideSwap(paths, `${directory}/restored`, { layout: 1, suffix: 'before-now', record })
await finishSwap(paths)
