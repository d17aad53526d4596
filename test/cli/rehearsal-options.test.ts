import { expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import { rehearsalRequest } from '../../src/cli/run-rehearsal.ts'

const blueprint = checkBlueprint(
  {
    name: 'shop',
    services: { web: { command: 'node server.js', routes: ['/'] } },
    load: {
      peak: '10 sessions/s',
      duration: '45s',
      scenarios: [{ name: 'visit', steps: [{ name: 'get', path: '/' }] }],
    },
  },
  { file: '/shop/tenfold.config.ts' },
)
const request = (options: Record<string, string>): unknown => rehearsalRequest(options, blueprint)

test('takes the blueprint’s duration, once its peak and a seed of its own by default', () => {
  expect(request({})).toEqual({ times: 1, durationMs: 45_000, seed: expect.any(Number) })
  // The hours of a shape can be packed into less, a disaster can't.
  expect(request({ drill: 'failover' })).toMatchObject({ durationMs: 135_000 })
  expect(request({ drill: 'failover', duration: '10s' })).toMatchObject({ durationMs: 10_000 })
})

test('understands every option', () => {
  expect(request({ times: '2.5', duration: '1.5m', seed: '0' })).toEqual({ times: 2.5, durationMs: 90_000, seed: 0 })
})

const wrong: readonly [Record<string, string>, RegExp][] = [
  [{ times: '0' }, /expected --times to be a number above 0, got "0"/],
  [{ times: '' }, /--times/],
  [{ times: 'Infinity' }, /--times/],
  [{ seed: '1.5' }, /expected --seed to be a whole number, got "1.5"/],
  [{ seed: '9007199254740993' }, /--seed/],
  [{ duration: '60' }, /expected --duration to be a duration of a second or more, got "60"/],
  [{ duration: '0s' }, /--duration/],
  [{ duration: '-5s' }, /--duration/],
]

test.each(wrong)('%j is a wrong command line', (options, message) => {
  expect(() => request(options)).toThrow(
    expect.objectContaining({
      code: 'TF_USAGE',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/^write it like --/),
    }),
  )
})
