import { RELAY_GROUP } from '../../relay-group.ts'
import { SCHEMA } from './schema-name.ts'

/*
 * Parts of statements about the end of a topic that goes on in another log: see `move-topic.ts`. The relay has none, it
 * carries what is behind the end.
 */

/** The end for a group. */
export function endOf(group: string, end: string): string {
  return `case when ${group}.name <> '${RELAY_GROUP}' then ${end} end`
}

/** Joins rows of `progress` with what their group may read: `its`. */
export const ITS_TOPIC: string = `
  cross join lateral (
    select topic.move, ${endOf('member', 'topic.end_base')} as end_base, topic.end_mark, topic.end_slice
    from ${SCHEMA}.consumer_group member join ${SCHEMA}.topic on topic.id = member.topic
    where member.id = progress.consumer
  ) its`

/** Whether a row of `progress` says that everything was read up to the end. */
export const IS_DRAINED: string = `
  (its.end_base is not null and progress.target is null and progress.base::text = its.end_base::text)`

/** Whether a group keeps slices from being dropped; for statements with `topic` and `member`. */
export const HOLDS_SLICES: string = `
  case topic.move when 'moved' then member.name = '${RELAY_GROUP}'
    when 'returned' then member.name <> '${RELAY_GROUP}' else true end`
