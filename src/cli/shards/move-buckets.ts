import { sleep, systemClock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { formatSize } from '../../core/size.ts'
import type { ControlClient } from '../../control/control-client.ts'
import type { MoveStatus, PlannedMoveStatus } from '../../runtime/shard-operating.ts'
import type { MoveWish } from '../../shards/reshard/move.ts'
import type { PlanRequest } from '../../shards/reshard/plans.ts'
import type { Action } from '../action.ts'
import type { CommandInput } from '../command.ts'
import { namedDatabase } from './named-database.ts'
import { moveLine } from './show-shards.ts'

const LOOK_MS = 250
const WISHES = ['pause', 'continue', 'abort', 'back', 'finish'] as const

/** `tenfold shards move`: begins one, or asks one for something. */
export const moveBuckets: Action = async (input, control) => {
  const wish = wishIn(input)
  if (wish === undefined) return planBuckets('move')(input, control)
  const { options, signal } = input
  const { database, names } = namedDatabase(input)
  const [name, ...more] = names
  const move = name === 'all' ? name : Number(name)
  if (more.length > 0 || (move !== 'all' && !(Number.isInteger(move) && move > 0))) {
    throw usage(
      `expected --${wish} of one move, or of all, got ${names.join(' ') || 'none'}`,
      `tenfold shards move 1 --${wish}`,
    )
  }
  if (wish === 'finish' && options['yes'] !== true) {
    throw usage(
      'expected --yes: the rows are deleted where they were, and there is no way back then',
      'the command with --yes',
    )
  }
  const { moves } = await control.command<{ moves: readonly number[] }>(
    'shards-ask',
    { database, move, wish },
    { signal },
  )
  await follow(input, control, moves)
}

/** The other actions: what moves is found by what each shard has. */
export function planBuckets(kind: PlanRequest['kind']): Action {
  return async (input, control) => {
    const { terminal, options, signal } = input
    const { database, names } = namedDatabase(input)
    const isDry = options['dry-run'] === true
    const request = requestOf(kind, { ...input, names })
    const planned = await control.command<readonly PlannedMoveStatus[]>(
      'shards-plan',
      { database, request, isDry },
      { signal },
    )
    if (isDry || planned.length === 0) {
      terminal.out(options['json'] === true ? JSON.stringify(planned) : plannedView(planned))
      return
    }
    if (options['json'] !== true) terminal.out(plannedView(planned))
    await follow(
      input,
      control,
      planned.flatMap(({ id }) => (id === undefined ? [] : [id])),
    )
  }
}

/** What would move. */
export function plannedView(planned: readonly PlannedMoveStatus[]): string {
  if (planned.length === 0) return 'Nothing has to move.'
  return planned
    .map(({ id, source, target, buckets, rows, bytes }) => {
      const name = id === undefined ? '' : `move ${id}: `
      return `${name}${buckets} bucket${buckets === 1 ? '' : 's'} from shard ${source} to shard ${target}, ≈ ${rows} rows, ${formatSize(bytes)}`
    })
    .join('\n')
}

/** Says what happens until nothing more does; Ctrl-C ends only that. */
async function follow(input: CommandInput, control: ControlClient, ids: readonly number[]): Promise<void> {
  const { terminal, options, signal } = input
  const { database } = namedDatabase(input)
  const isJson = options['json'] === true
  const said = new Map<number, string>()
  for (;;) {
    const moves = await control.command<readonly MoveStatus[]>('shards-moves', { database }, { signal })
    const ours = moves.filter(({ id }) => ids.includes(id))
    const isOver = options['detach'] === true || ours.every(isResting)
    if (isJson && isOver) terminal.out(JSON.stringify(ours))
    for (const move of isJson ? [] : ours) {
      const line = moveLine(move, terminal.style)
      if (said.get(move.id) !== line) terminal.out(line)
      said.set(move.id, line)
    }
    if (isOver) return
    await sleep(systemClock, LOOK_MS, signal)
  }
}

function isResting({ step, isPaused, problem, isAsked }: MoveStatus): boolean {
  if (isAsked) return false
  return isPaused || problem?.isFinal === true || ['moved', 'done', 'aborted'].includes(step)
}

function wishIn({ options }: CommandInput): MoveWish | undefined {
  const given = WISHES.filter((wish) => options[wish] === true)
  if (given.length < 2) return given[0]
  throw usage(
    `expected one of ${WISHES.map((wish) => `--${wish}`).join(', ')}, got ${given.length}`,
    'only one of them',
  )
}

/** @throws TF_USAGE */
function requestOf(kind: PlanRequest['kind'], { names, options }: CommandInput): PlanRequest {
  const numbers = names.map(Number)
  const expected = { move: [2], merge: [2], split: [0, 1, 2], drain: [1], rebalance: [0] }[kind]
  if (!expected.includes(numbers.length) || numbers.some((shard) => !Number.isInteger(shard) || shard < 0)) {
    throw usage(`expected ${WRITTEN[kind]}, got ${[kind, ...names].join(' ')}`, `tenfold shards ${EXAMPLE[kind]}`)
  }
  const [from = 0, to = 0] = numbers
  const { buckets } = options
  if (typeof buckets === 'string' && kind !== 'move')
    throw usage('expected --buckets only of move', 'tenfold shards move 0 1 --buckets 3')
  switch (kind) {
    case 'move':
      return { kind, from, to, ...(typeof buckets === 'string' ? { buckets: bucketsIn(buckets) } : {}) }
    case 'merge':
      return { kind, from, to }
    case 'split':
      return { kind, ...(numbers.length > 0 ? { from } : {}), ...(numbers.length > 1 ? { to } : {}) }
    case 'drain':
      return { kind, from }
    case 'rebalance':
      return { kind }
  }
}

const WRITTEN: Readonly<Record<PlanRequest['kind'], string>> = {
  move: 'move FROM TO, the numbers of two shards, or move NUMBER and what is asked of it',
  merge: 'merge FROM TO, the numbers of two shards',
  split: 'split, or split FROM TO, the numbers of two shards',
  drain: 'drain FROM, the number of a shard',
  rebalance: 'rebalance and nothing else',
}

const EXAMPLE: Readonly<Record<PlanRequest['kind'], string>> = {
  move: 'move 0 1',
  merge: 'merge 3 2',
  split: 'split 0 4',
  drain: 'drain 3',
  rebalance: 'rebalance',
}

const BUCKETS_MAX = 65_536

/** `3,16-31`. @throws TF_USAGE */
export function bucketsIn(text: string): readonly number[] {
  const all = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? []
    const count = first === undefined ? 0 : Number(last) - Number(first) + 1
    if (count < 1 || count > BUCKETS_MAX) {
      throw usage(
        `expected --buckets to be numbers and ranges, got ${JSON.stringify(text.slice(0, 60))}`,
        '--buckets 3,16-31',
      )
    }
    return Array.from({ length: count }, (_, n) => Number(first) + n)
  })
  return [...new Set(all)]
}

function usage(message: string, example: string): TenfoldError {
  return new TenfoldError('TF_USAGE', message, { hint: `write for example: ${example}` })
}
