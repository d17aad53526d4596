import type { TopicGroupStatus, TopicStatus } from '../../control/topic-status.ts'
import { formatDuration } from '../../core/duration.ts'
import { formatTable } from '../../core/table.ts'
import type { Terminal } from '../terminal.ts'
import type { Action } from '../action.ts'

/** `tenfold topics list`: from the snapshot, so that nothing is asked of the databases. */
export const listTopics: Action = async ({ terminal, options, signal }, control) => {
  const { topics = {} } = await control.snapshot({ signal })
  const all = Object.values(topics)
  terminal.out(options['json'] === true ? JSON.stringify(all) : topicsView(all, terminal.style))
}

/** A line for each group of each topic. */
export function topicsView(topics: readonly TopicStatus[], style: Terminal['style']): string {
  if (topics.length === 0) return 'no topics: write topics: { … } in the blueprint'
  const heading = ['topic', 'partitions', 'group', 'behind', 'oldest', 'finished/s', 'members', 'dead', '']
  const rows = topics.flatMap((topic) => {
    const { name, partitions, groups, outboxes } = topic
    const outbox = outboxes.map(({ database, messages }) => `${messages} wait in the outbox of ${database}`)
    const note = [publishedNote(topic), ...outbox].filter((text) => text !== '').join(', ')
    if (groups.length === 0) return [[name, String(partitions), '-', '', '', '', '', '', note]]
    return groups.map((group, at) => [
      at === 0 ? name : '',
      at === 0 ? String(partitions) : '',
      ...groupCells(group, style),
      at === 0 ? note : '',
    ])
  })
  return formatTable([heading.map((text) => style('dim', text)), ...rows])
}

function groupCells(status: TopicGroupStatus, style: Terminal['style']): readonly string[] {
  const { group, members, deadLetters, finishedPerSecond } = status
  return [
    group,
    behindText(status),
    ageText(status.oldestAgeMs),
    finishedPerSecond === undefined ? '' : String(finishedPerSecond),
    String(members),
    deadLetters === 0 ? '0' : style('red', String(deadLetters)),
  ]
}

/** `12`, or `10000+` where counting stopped. */
export function behindText({ messages, isMore }: { readonly messages: number; readonly isMore: boolean }): string {
  return `${messages}${isMore ? '+' : ''}`
}

/** Of the oldest event; nothing where there is none. */
export function ageText(ageMs: number): string {
  return ageMs === 0 ? '' : formatDuration(ageMs)
}

function publishedNote({ publishedPerSecond }: TopicStatus): string {
  return publishedPerSecond === undefined || publishedPerSecond === 0 ? '' : `${publishedPerSecond} published/s`
}
