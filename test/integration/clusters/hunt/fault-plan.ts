import type { Random } from '../../../../src/core/random.ts'

/** What is done to a cluster. */
export interface PlannedFault {
  /** After the one before it. */
  readonly afterMs: number
  readonly kind: FaultKind
  readonly target: Target
  /** How long it lasts, for those that last. */
  readonly forMs: number
}

/** A node by what it is when the fault begins. */
export type Target = 'primary' | 'standby' | 'replica'

export const FAULT_KINDS = {
  kill: 'kill -9 of the postmaster',
  'kill-back-end': 'kill -9 of a back end',
  'kill-sender': 'kill -9 of the process that sends the log',
  'kill-receiver': 'kill -9 of the process that receives the log',
  stop: 'every process of a node is stopped, and goes on later',
  'stop-followers': 'every follower is stopped, and goes on later',
  'stop-sender': 'the process that sends the log is stopped: the follower is cut off',
  'stop-receiver': 'the process that receives the log is stopped: the follower is cut off',
  cut: 'no byte passes between a node and the others, who are not told; it arrives later',
  sever: 'the connections between a node and the others end, and new ones are refused until later',
  'limit-files': 'no file of a node can grow any more: its log ends',
  'fill-disk': 'the disk is full, and is made free later',
  switchover: 'a planned switch-over',
  'kill-control': 'kill -9 of the control plane; the next one comes later',
  restart: 'the control plane ends everything in order, and the next one starts it',
} as const

export type FaultKind = keyof typeof FAULT_KINDS

/** The frequent ones more than once. */
const CHOICE: readonly FaultKind[] = [
  'kill',
  'kill',
  'kill',
  'kill-back-end',
  'kill-sender',
  'kill-receiver',
  'stop',
  'stop',
  'stop-followers',
  'stop-sender',
  'stop-receiver',
  'cut',
  'cut',
  'sever',
  'limit-files',
  'fill-disk',
  'switchover',
  'switchover',
  'kill-control',
  'kill-control',
  'restart',
]
const TARGETS: readonly Target[] = ['primary', 'primary', 'primary', 'standby', 'standby', 'replica']
const LASTS_MS = [50, 500, 2_000, 4_500, 8_000]

/** One to three faults, most of them within milliseconds of each other. All chance is in the seed. */
export function planFaults(random: Random, kinds: readonly FaultKind[] = CHOICE): readonly PlannedFault[] {
  const allowed = CHOICE.filter((kind) => kinds.includes(kind))
  return Array.from({ length: 1 + random.integer(3) }, (_, index) => ({
    afterMs: index === 0 ? 0 : random.integer(random.integer(3) === 0 ? 3_000 : 60),
    kind: random.pick(allowed),
    target: random.pick(TARGETS),
    forMs: random.pick(LASTS_MS),
  }))
}

/** @example describeFault({ afterMs: 5, kind: 'stop', target: 'standby', forMs: 500 }) // '+5 ms stop standby for 500 ms' */
export function describeFault({ afterMs, kind, target, forMs }: PlannedFault): string {
  const isOfNode = !['stop-followers', 'fill-disk', 'switchover', 'kill-control', 'restart'].includes(kind)
  const lasts = ['stop', 'stop-followers', 'stop-sender', 'stop-receiver', 'cut', 'sever'].concat([
    'limit-files',
    'fill-disk',
    'kill-control',
  ])
  return `+${afterMs} ms ${kind}${isOfNode ? ` ${target}` : ''}${lasts.includes(kind) ? ` for ${forMs} ms` : ''}`
}
