import type { Command } from './command.ts'
import { apply } from './commands/apply.ts'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { doctor } from './commands/doctor.ts'
import { down } from './commands/down.ts'
import { drill } from './commands/drill.ts'
import { init } from './commands/init.ts'
import { logs } from './commands/logs.ts'
import { migrate } from './commands/migrate.ts'
import { release } from './commands/release.ts'
import { restore } from './commands/restore.ts'
import { rehearse } from './commands/rehearse.ts'
import { rollback } from './commands/rollback.ts'
import { run } from './commands/run.ts'
import { scale } from './commands/scale.ts'
import { shards } from './commands/shards.ts'
import { sql } from './commands/sql.ts'
import { status } from './commands/status.ts'
import { queues } from './commands/queues.ts'
import { topics } from './commands/topics.ts'
import { up } from './commands/up.ts'

/** Every command of `tenfold`, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  init,
  check,
  up,
  apply,
  migrate,
  release,
  rollback,
  scale,
  status,
  logs,
  run,
  sql,
  shards,
  topics,
  queues,
  backup,
  restore,
  rehearse,
  drill,
  down,
  doctor,
]
