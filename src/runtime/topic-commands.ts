import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { TopicOperating } from './topic-operating.ts'

const topic = z.string().max(100)
const group = z.string().max(100).optional()
const max = z.number().int().min(1).max(1_000)

/** The commands about topics. What they return goes to whoever may use the control socket, and not into the audit log. */
export function topicCommands(topics: () => TopicOperating): Readonly<Record<string, ControlCommand>> {
  return {
    'topic-lag': controlCommand({
      input: z.strictObject({ topic }),
      run: (input) => topics().lag(input.topic),
    }),
    'topic-peek': controlCommand({
      input: z.strictObject({
        topic,
        max,
        which: z.union([
          z.literal('newest'),
          z.strictObject({ group: z.string().max(100) }),
          z.strictObject({ sinceEpochMs: z.number() }),
        ]),
        partition: z.number().int().min(0).optional(),
      }),
      run: ({ topic: name, ...options }) => topics().peek(name, options),
    }),
    'topic-dead': controlCommand({
      input: z.strictObject({ topic, group, max }),
      run: ({ topic: name, ...options }) => topics().dead(name, options),
    }),
    'topic-redrive': controlCommand({
      input: z.strictObject({
        topic,
        group,
        messageIds: z.array(z.uuid()).min(1).max(1_000).optional(),
        key: z.string().optional(),
      }),
      run: ({ topic: name, group: of, messageIds, key }) =>
        topics().redrive(name, of, {
          ...(messageIds === undefined ? {} : { messageIds }),
          ...(key === undefined ? {} : { key }),
        }),
    }),
    'topic-drop-group': controlCommand({
      input: z.strictObject({ topic, group: z.string().max(100) }),
      run: (input) => topics().dropGroup(input.topic, input.group),
    }),
    'topic-move': controlCommand({
      input: z.strictObject({ topic, step: z.enum(['look', 'begin', 'finish', 'back']) }),
      run: (input) => topics().move(input.topic, input.step),
    }),
    'topic-replay': controlCommand({
      input: z.strictObject({
        topic,
        group,
        to: z.union([z.literal('beginning'), z.literal('now'), z.strictObject({ epochMs: z.number() })]),
      }),
      run: ({ topic: name, group: of, to }) => topics().replay(name, of, to),
    }),
  }
}
