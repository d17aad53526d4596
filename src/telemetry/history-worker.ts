import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { createHistoryKeeper } from './history-keeper.ts'
import type { HistoryRequest, HistoryWorkerData } from './history-protocol.ts'

// The thread of the history: SQLite is synchronous, and a slow disk must stop nobody but itself.

const keeper = createHistoryKeeper(workerData as HistoryWorkerData, {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  tell: (message) => parentPort!.postMessage(message),
  epochMs: () => systemClock.epochMs(),
  nowMs: () => systemClock.nowMs(),
})

parentPort!.on('message', (request: HistoryRequest) => {
  keeper.answer(request)
  if (request.kind === 'close') parentPort!.close()
})
