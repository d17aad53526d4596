import { expect, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import { atVariable } from '../../src/runtime/at-variable.ts'

test('says at which variable an engine can not be reached, or is written wrongly, and leaves the rest alone', () => {
  const gone = atVariable('topic placed', 'KAFKA_URL', new TenfoldError('TF_BROKER_UNREACHABLE', 'no answer'))
  expect(gone).toMatchObject({
    code: 'TF_BROKER_UNREACHABLE',
    message: 'topic placed, at $KAFKA_URL: no answer',
    hint: expect.stringContaining('$KAFKA_URL'),
    details: { variable: 'KAFKA_URL' },
  })
  const wrong = new TenfoldError('TF_OPTION_INVALID', 'expected kafka://', { hint: 'write it so' })
  expect(atVariable('topic placed', 'KAFKA_URL', wrong)).toMatchObject({ hint: 'write it so', cause: wrong })
  const other = new TenfoldError('TF_PEER_MISSING', 'not installed')
  expect(atVariable('topic placed', 'KAFKA_URL', other)).toBe(other)
})
