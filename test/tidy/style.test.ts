import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sourceFiles, withoutComments } from './source-files.ts'

const sources = sourceFiles('src')
const tests = sourceFiles('test')

/** Files that may touch the machine's clock and chance: the ports, and code that runs inside other processes. */
const MAY_TOUCH_TIME = /^src\/(core\/(clock|random)|testing\/.*|service\/preload)\.ts$/
const LINES_MAX = 400
/** A table with a row for each code. */
const MAY_BE_LONG = 'src/core/error-codes.ts'

function offenders(files: typeof sources, pattern: RegExp, except = /^$/): readonly string[] {
  return files
    .filter(({ path, text }) => !except.test(path) && pattern.test(withoutComments(text)))
    .map(({ path }) => path)
}

describe('style', () => {
  test('file names are kebab-case and say what is inside', () => {
    const isNamed = (path: string): boolean => /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.tsx?$/.test(basename(path))
    const isBucket = (path: string): boolean => /^(utils|helpers|common|types|misc)\.ts$/.test(basename(path))
    expect([...sources, ...tests].map(({ path }) => path).filter((path) => !isNamed(path) || isBucket(path))).toEqual(
      [],
    )
  })

  test(`no file of src is longer than ${LINES_MAX} lines: it is two concepts`, () => {
    const isLong = (text: string): boolean => text.split('\n').length > LINES_MAX
    expect(sources.filter(({ path, text }) => path !== MAY_BE_LONG && isLong(text)).map(({ path }) => path)).toEqual([])
  })

  test('only core/clock.ts touches time', () => {
    const time = /\bDate\.now\(|\bnew Date\(\)|\bsetTimeout\(|\bsetInterval\(|\bperformance\.now\(|timers\/promises/
    expect(offenders(sources, time, MAY_TOUCH_TIME)).toEqual([])
  })

  test('only core/random.ts touches chance', () => {
    expect(offenders(sources, /\bMath\.random\(|\brandomUUID\b|\brandomBytes\b/, MAY_TOUCH_TIME)).toEqual([])
  })

  test('src has no default exports and no enums', () => {
    expect(offenders(sources, /^export default |^\s*(export )?(const )?enum /m)).toEqual([])
  })

  test('unit tests do not sleep: use the virtual clock, a gate or a signal', () => {
    const unit = tests.filter(({ path }) => !/^test\/(integration|e2e|long|engines)\//.test(path))
    expect(offenders(unit, /\bsetTimeout\(|timers\/promises|sleep\(systemClock/, /^test\/(tidy|core\/clock)/)).toEqual(
      [],
    )
  })

  test('no test is focused or left to be written', () => {
    expect(offenders(tests, /\b(test|it|describe)\.(only|todo)\(/, /^test\/tidy\/style/)).toEqual([])
  })
})
