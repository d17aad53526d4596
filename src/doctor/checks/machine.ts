import type { Check } from '../check.ts'
import { check } from '../check.ts'
import { OPEN_FILES_MIN } from '../../core/open-files.ts'
import { formatSize } from '../../core/size.ts'

const NODE_MIN = [22, 19] as const
const MEMORY_GOOD_BYTES = 1024 ** 3
const MEMORY_MIN_BYTES = 256 * 1024 ** 2
const FILES_GOOD = 4_096

/** What has to be true of any machine. */
export const MACHINE_CHECKS: readonly Check[] = [
  check({
    name: 'Node.js',
    why: 'Tenfold and blueprints are TypeScript that Node runs as it is, which older versions do not.',
    observe: ({ nodeVersion }) => nodeVersion,
    judge(version) {
      const [major = 0, minor = 0] = version.split('.').map(Number)
      const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
      return isEnough
        ? { verdict: 'ok', found: version }
        : { verdict: 'problem', found: version, todo: `install Node ${NODE_MIN.join('.')} or newer` }
    },
  }),
  check({
    name: 'platform',
    why: 'Children are watched and limited by means that only Linux has; PostgreSQL comes for x64 and arm64.',
    observe: ({ platform, architecture }) => ({ platform, architecture }),
    judge({ platform, architecture }) {
      const found = `${platform} ${architecture}`
      if (platform !== 'linux' && platform !== 'darwin') {
        return { verdict: 'problem', found, todo: 'use Linux or macOS; on Windows, its Linux subsystem' }
      }
      if (architecture !== 'x64' && architecture !== 'arm64') {
        return { verdict: 'warning', found, todo: 'run databases elsewhere, and give the blueprint their url' }
      }
      return platform === 'linux'
        ? { verdict: 'ok', found }
        : { verdict: 'warning', found, todo: 'expect limits not to hold; use Linux to measure' }
    },
  }),
  check({
    name: 'processors',
    why: 'A rehearsal plays its visitors on the machine that serves them: they share the processors.',
    observe: (probes) => probes.processors(),
    judge: (count) =>
      count > 1
        ? { verdict: 'ok', found: String(count) }
        : { verdict: 'warning', found: String(count), todo: 'use two or more to rehearse: one is shared by all' },
  }),
  check({
    name: 'memory',
    why: 'A small system with a database takes about half a gibibyte.',
    observe: (probes) => probes.memoryAvailableBytes(),
    judge(bytes) {
      const found = `${formatSize(bytes)} available`
      if (bytes >= MEMORY_GOOD_BYTES) return { verdict: 'ok', found }
      const todo = 'end other programs, or run fewer instances'
      return { verdict: bytes >= MEMORY_MIN_BYTES ? 'warning' : 'problem', found, todo }
    },
  }),
  check({
    name: 'account',
    why: 'PostgreSQL refuses to run as root, and services should not: children get an account that may do little.',
    observe: (probes) => probes.childUser(),
    judge: (user) => ({
      verdict: 'ok',
      found: user === undefined ? 'children run as you do' : `we are root, children run as ${user.name}`,
    }),
  }),
  check({
    name: 'limits',
    why: 'The resources of a blueprint are held by control groups; without them they are only wishes.',
    observe: (probes) => ({ cpu: probes.limitsNotEnforced('cpu'), memory: probes.limitsNotEnforced('memory') }),
    judge({ cpu, memory }) {
      if (cpu === undefined && memory === undefined) return { verdict: 'ok', found: 'CPU and memory are held' }
      const reasons = [...new Set([cpu, memory].filter((reason) => reason !== undefined))].join('; ')
      const which = cpu === undefined ? 'memory is' : memory === undefined ? 'CPU is' : 'CPU and memory are'
      return {
        verdict: 'warning',
        found: `${which} not held: ${reasons}`,
        todo: 'run as root, or as a service that may have control groups of its own (systemd: Delegate=yes)',
      }
    },
  }),
  check({
    name: 'open files',
    why: 'Each connection is an open file, in the gateway twice.',
    observe: (probes) => probes.openFilesMax(),
    judge(count) {
      if (count === undefined) return { verdict: 'ok', found: 'the machine does not tell' }
      const found = `${count} at most`
      if (count >= FILES_GOOD) return { verdict: 'ok', found }
      return {
        verdict: count >= OPEN_FILES_MIN ? 'warning' : 'problem',
        found,
        todo: `raise the limit: ulimit -n ${FILES_GOOD}`,
      }
    },
  }),
  check({
    name: 'sockets',
    why: 'Parts talk over sockets in a short directory that nobody else can change.',
    observe: (probes) => probes.tryRuntimeDirectory(),
    judge: () => ({ verdict: 'ok', found: 'a private directory can be made' }),
  }),
  check({
    name: 'locale',
    why: 'Logs and messages are UTF-8.',
    observe: ({ environment }) => environment['LC_ALL'] ?? environment['LC_CTYPE'] ?? environment['LANG'],
    judge: (locale) =>
      locale === undefined || locale === '' || /^(?:C|POSIX)$|utf-?8/i.test(locale)
        ? { verdict: 'ok', found: locale === undefined || locale === '' ? 'the default' : locale }
        : { verdict: 'warning', found: locale, todo: 'choose one that ends in UTF-8: export LANG=C.UTF-8' },
  }),
]
