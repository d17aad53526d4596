import { expect, test } from 'vitest'
import { sourceFiles, withoutComments } from './source-files.ts'

/**
 * The wall clock may jump by hours, so nothing is measured, waited for or decided with it. Lines that reckon with it do
 * so for people, or to write down when something that was measured otherwise had begun.
 */
const MAY_RECKON: Readonly<Record<string, string>> = {
  'src/gateway/measurements/span-feed.ts': 'the beginning of a request whose duration is known',
  'src/service/request-tracing.ts': 'likewise, of a statement',
  'src/backups/database-backups.ts':
    'when the next backup is due, after one of another process; a jump makes it early or late by a day, and removes two at most',
  'src/backups/bucket/bucket-writer.ts': 'until when a store locks an object, by its own wall clock',
  'src/cli/commands/logs.ts': '--since: a time for people',
  'src/load/worker.ts': 'threads begin together: their monotonic clocks have different origins',
  'src/load/run-load.ts': 'likewise',
  'src/fleet/file-releases.ts': 'the time of a file in seconds; no decision but which of the unused leaves first',
  'src/fleet/release-store.ts': 'seconds for the time of a file; what is in use is never removed by it',
  'src/runtime/release-trial.ts':
    'when a trial ends, for people; frames kept from before it, which a jump makes more or fewer',
  'src/topics/logs/kafka/read-lag.ts': 'the age of an event that another process has published',
  'src/topics/logs/rabbitmq/claim-notes.ts':
    'the age of an event that another process has published; a jump is a jump of it',
  'src/telemetry/cautious-time.ts': 'compares it with the monotonic clock',
}

test('no duration, pause or deadline is reckoned with the wall clock', () => {
  const reckons = /[Ee]pochMs\(\)\s*[-+*/<>]|[-+*/<>]=?\s*[\w.#]*[Ee]pochMs\(\)/
  const offenders = sourceFiles('src')
    .filter(({ text }) =>
      withoutComments(text)
        .split('\n')
        .some((line) => reckons.test(line.replaceAll('=>', ''))),
    )
    .map(({ path }) => path)
  expect(offenders.filter((path) => MAY_RECKON[path] === undefined)).toEqual([])
})
