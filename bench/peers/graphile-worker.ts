import { Pool } from 'pg'
import type { Contender, Message } from '../topics/contender.ts'
import { NOT_INSTALLED, packageVersion } from './package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Graphile {
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>
    addJob(task: string, payload: Message): Promise<unknown>
    addJobs(jobs: readonly { identifier: string; payload: Message }[]): Promise<unknown>
    release(): Promise<void>
  }>
  run(options: object): Promise<{ stop(): Promise<void> }>
  Logger: new (factory: () => () => void) => object
}

const TASK = 'measured'

/** With a local queue and completions in batches, as its own benchmark has it. */
export const graphileWorker: Contender = {
  name: 'graphile-worker',
  absence: NOT_INSTALLED,
  version: () => Promise.resolve(packageVersion('graphile-worker')),
  async open(connectionString) {
    const name: string = 'graphile-worker'
    const { makeWorkerUtils, run, Logger } = (await import(name)) as Graphile
    const logger = new Logger(() => () => undefined)
    const publishing = poolOf(connectionString, 18)
    const utils = await makeWorkerUtils({ pgPool: publishing, logger })
    await utils.migrate()
    return {
      async publish(messages) {
        const [first] = messages
        if (messages.length === 1 && first !== undefined) await utils.addJob(TASK, first)
        else await utils.addJobs(messages.map((payload) => ({ identifier: TASK, payload })))
      },
      async consume(aim, onMessage) {
        const working = poolOf(connectionString, 6)
        const runner = await run({
          logger,
          pgPool: working,
          noHandleSignals: true,
          taskList: { [TASK]: async (payload: Message) => onMessage(payload) },
          preset: {
            worker: {
              concurrentJobs: 24,
              // A local queue waits for its next look, which a single job should not.
              localQueue: { size: aim === 'latency' ? -1 : 500 },
              completeJobBatchDelay: 0,
              failJobBatchDelay: 0,
            },
          },
        })
        return async () => {
          await runner.stop()
          await working.end()
        }
      },
      async end() {
        await utils.release()
        await publishing.end()
      },
    }
  },
}

/** Its own pools, which nobody waits for, outlive it, and end the process when the server goes. */
function poolOf(connectionString: string, max: number): Pool {
  const pool = new Pool({ connectionString, max })
  pool.on('error', () => undefined)
  return pool
}
