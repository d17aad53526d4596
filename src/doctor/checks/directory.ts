import { formatSize } from '../../core/size.ts'
import type { Check } from '../check.ts'
import { check } from '../check.ts'

const DISK_GOOD_BYTES = 2 * 1024 ** 3
const DISK_MIN_BYTES = 256 * 1024 ** 2
const WRITE_GOOD_MS = 20
const CLOCK_APART_MS = 5_000
const DAY_MS = 24 * 3_600_000

/** What has to be true where a system keeps its state. */
export function directoryChecks(directory: string): readonly Check[] {
  return [
    check({
      name: 'disk',
      why: 'A new database takes about 50 MiB, its log of changes grows with what is written.',
      observe: (probes) => probes.diskFreeBytes(directory),
      judge(bytes) {
        const found = `${formatSize(bytes)} free at ${directory}`
        if (bytes >= DISK_GOOD_BYTES) return { verdict: 'ok', found }
        const todo = 'make room, or move the project to a larger disk'
        return { verdict: bytes >= DISK_MIN_BYTES ? 'warning' : 'problem', found, todo }
      },
    }),
    check({
      name: 'durable writes',
      why: 'Each commit of a database waits until the disk has it: this is the least that one takes.',
      observe: (probes) => probes.durableWriteMs(directory),
      judge(milliseconds) {
        const found = `${milliseconds.toFixed(1)} ms`
        return milliseconds <= WRITE_GOOD_MS
          ? { verdict: 'ok', found }
          : { verdict: 'warning', found, todo: 'use a local disk; network and shared ones make every commit wait' }
      },
    }),
    check({
      name: 'place of the data',
      why: 'Databases and instances have to reach what they work with.',
      observe: (probes) => probes.canEnter(directory),
      judge: (canEnter) => ({
        verdict: 'ok',
        found: canEnter
          ? `below ${directory}`
          : `/var/lib/tenfold: the account of the children can't enter ${directory}`,
      }),
    }),
    check({
      name: 'clock',
      why: 'Certificates, logs and measurements carry the time; two clocks that differ confuse them.',
      observe: async (probes) => ({
        now: probes.epochMs(),
        installed: await probes.installedEpochMs(),
        fileSystem: await probes.fileSystemEpochMs(directory),
      }),
      judge({ now, installed, fileSystem }) {
        const found = new Date(now).toISOString()
        const todo = 'let the machine keep its clock right: timedatectl set-ntp true'
        // Only a clock that was wrong then, or is now, installs in the future.
        if (now < installed - DAY_MS) {
          return { verdict: 'warning', found: `${found}, before Tenfold was installed`, todo }
        }
        const apartMs = Math.abs(now - fileSystem)
        return apartMs <= CLOCK_APART_MS
          ? { verdict: 'ok', found }
          : { verdict: 'warning', found: `${found}, the file system is ${Math.round(apartMs / 1_000)} s apart`, todo }
      },
    }),
  ]
}
