import { join } from 'node:path'
import { createCluster } from '../../../src/clusters/cluster.ts'
import { findPostgresBinaries } from '../../../src/clusters/postgres-binaries.ts'
import { findChildUser } from '../../../src/core/child-user.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'

/** Starts a cluster, writes a row, and dies by kill -9 without taking the server along. */
const [directory = '', socketDirectory = '', binariesDirectory = ''] = process.argv.slice(2)
const user = findChildUser()
const subprocesses = await createSubprocesses({
  recordFile: join(directory, 'abandoned.json'),
  runToken: uniqueId(),
  isEphemeral: false,
})
const cluster = createCluster({
  name: 'orders',
  dataDirectory: join(directory, 'orders'),
  binaries: await findPostgresBinaries({ user, cacheDirectory: binariesDirectory }),
  subprocesses,
  user,
  socketDirectory,
  logFile: join(directory, 'orders.log'),
})
await cluster.start()
process.stdout.write(`${cluster.process?.identity.pid} ${cluster.url()}\n`)
process.kill(process.pid, 'SIGKILL')
