import { describe, expect, test } from 'vitest'
import { uniqueId } from '../../../../src/core/random.ts'
import type { PlacedEvent } from '../../../../src/topics/logs/postgres/publish.ts'
import type { PublishQueueOptions } from '../../../../src/topics/logs/postgres/publish-queue.ts'
import { createPublishQueue } from '../../../../src/topics/logs/postgres/publish-queue.ts'

/** A database that writes when it is told to. */
function bed(options: Partial<PublishQueueOptions<PlacedEvent>> = {}) {
  const statements: { readonly payloads: readonly string[]; readonly answer: PromiseWithResolvers<void> }[] = []
  const queue = createPublishQueue<PlacedEvent>({
    batchMax: 4,
    insert(events) {
      const answer = Promise.withResolvers<void>()
      statements.push({ payloads: events.map(({ event }) => event.payload), answer })
      return answer.promise
    },
    ...options,
  })
  const outcomes: string[] = []
  const publish = (...payloads: readonly string[]): Promise<void> =>
    queue.publish(payloads.map(eventOf)).then(
      () => void outcomes.push(`${payloads.join('')} done`),
      (error: Error) => void outcomes.push(`${payloads.join('')} ${error.message}`),
    )
  return { queue, statements, outcomes, publish, sent: () => statements.map(({ payloads }) => payloads.join('')) }
}

const eventOf = (payload: string): PlacedEvent => ({
  topic: 1,
  partition: 0,
  event: { messageId: uniqueId(), payload },
})
/** Everything that can go on does so. */
async function turn(): Promise<void> {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve))
}
const serverError = (code: string): Error => Object.assign(new Error(`refused ${code}`), { code, severity: 'ERROR' })

describe('the queue of publishes', () => {
  test('sends the first at once, and what comes meanwhile together, in order', async () => {
    const { publish, statements, outcomes, sent } = bed()
    void publish('a')
    expect(sent()).toEqual(['a'])
    void publish('b')
    void publish('c', 'd')
    await turn()
    expect(sent()).toEqual(['a'])
    statements[0]!.answer.resolve()
    await turn()
    expect(sent()).toEqual(['a', 'bcd'])
    expect(outcomes).toEqual(['a done'])
    statements[1]!.answer.resolve()
    await turn()
    expect(outcomes).toEqual(['a done', 'b done', 'cd done'])
  })

  test('lets callers who go on at once go together', async () => {
    const { queue, statements, sent } = bed({ batchMax: 100 })
    const caller = async (name: string): Promise<void> => {
      for (let n = 0; n < 3; n++) await queue.publish([eventOf(name)])
    }
    void Promise.all(['a', 'b', 'c'].map((name) => caller(name)))
    for (let n = 0; n < 4; n++) {
      statements[n]!.answer.resolve()
      await turn()
    }
    expect(sent()).toEqual(['a', 'bca', 'bca', 'bc'])
  })

  test('begins another statement where the events of a call do not fit any more, and never divides a call', async () => {
    const { publish, statements, sent } = bed()
    void publish('a')
    void publish('b', 'c', 'd')
    void publish('e', 'f')
    void publish('g', 'h', 'i', 'j', 'k')
    for (let n = 0; n < 4; n++) {
      statements[n]?.answer.resolve()
      await turn()
    }
    expect(sent()).toEqual(['a', 'bcd', 'ef', 'ghijk'])
  })

  test('sends every call for itself when the database refuses what one of them says', async () => {
    const { publish, statements, outcomes, sent, queue } = bed()
    void publish('a')
    void publish('b')
    void publish('bad')
    void publish('c')
    statements[0]!.answer.resolve()
    await turn()
    statements[1]!.answer.reject(serverError('22021'))
    await turn()
    statements[2]!.answer.resolve()
    await turn()
    statements[3]!.answer.reject(serverError('22021'))
    await turn()
    statements[4]!.answer.resolve()
    await queue.drained()
    expect(sent()).toEqual(['a', 'bbadc', 'b', 'bad', 'c'])
    expect(outcomes).toEqual(['a done', 'b done', 'bad refused 22021', 'c done'])
  })

  test.each([
    ['a full disk', serverError('53100')],
    ['a lost connection', new Error('gone')],
  ])('sends nothing twice after %s', async (_, error) => {
    const { publish, statements, outcomes, sent } = bed()
    void publish('a')
    void publish('b')
    void publish('c')
    statements[0]!.answer.resolve()
    await turn()
    statements[1]!.answer.reject(error)
    await turn()
    expect(sent()).toEqual(['a', 'bc'])
    expect(outcomes).toEqual(['a done', `b ${error.message}`, `c ${error.message}`])
    void publish('d')
    expect(sent()).toEqual(['a', 'bc', 'd'])
  })

  test('refuses what is too much, and takes it when there is room again', async () => {
    const { queue, statements } = bed({ waitingCharsMax: 500 })
    const first = queue.publish([eventOf('x'.repeat(1_000))])
    const second = queue.publish([eventOf('y'.repeat(1_000))])
    await expect(queue.publish([eventOf('z')])).rejects.toMatchObject({ code: 'TF_PUBLISH_OVERLOAD' })
    statements[0]!.answer.resolve()
    await first
    await turn()
    statements[1]!.answer.resolve()
    await second
    await turn()
    const third = queue.publish([eventOf('z')])
    statements[2]!.answer.resolve()
    await third
  })
})
