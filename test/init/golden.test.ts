import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { Problem } from '../../src/blueprint/problem.ts'
import type { TenfoldError } from '../../src/core/errors.ts'
import { detectApplication } from '../../src/init/detect-application.ts'
import { writeBlueprint } from '../../src/init/write-blueprint.ts'
import { project } from './project-for-tests.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const RESULT = '=== result\n'
const names = readdirSync(GOLDEN).toSorted()
const directory = mkdtempSync(join(tmpdir(), 'tenfold init '))
afterAll(() => rmSync(directory, { recursive: true }))

/** A case is files, the programs of its dependencies and the result; `UPDATE_GOLDEN=1` writes that anew. */
function resultOf(input: string): { readonly text: string; readonly blueprint: string | undefined } {
  const parts = input.split(/^=== (.*)\n/m).slice(1)
  const files: Record<string, string> = {}
  let programs: readonly string[] = []
  for (let at = 0; at < parts.length; at += 2) {
    const [path = '', text = ''] = parts.slice(at, at + 2)
    if (path.startsWith('installed')) programs = path.split(' ').slice(1)
    else files[path] = text
  }
  if (programs.length > 0) files['node_modules/.package-lock.json'] = ''
  const application = detectApplication(project(files, programs))
  if (application === undefined) return { text: 'nothing found\n', blueprint: undefined }
  const blueprint = writeBlueprint(application)
  const steps = application.steps.map((step) => `  ${step}\n`).join('')
  const file = `tenfold.config.${application.extension.value}: ${application.extension.because}`
  return { text: `${file}\n${blueprint}${steps}`, blueprint }
}

describe('a project and the blueprint that is written for it', () => {
  test.each(names)('%s', (name) => {
    const [input = '', expected = ''] = readFileSync(join(GOLDEN, name), 'utf8').split(RESULT)
    const { text } = resultOf(input)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(join(GOLDEN, name), `${input}${RESULT}${text}`)
    else expect(text).toBe(expected)
  })

  test.each(names)('%s: the blueprint is right', (name) => {
    const { blueprint } = resultOf(readFileSync(join(GOLDEN, name), 'utf8').split(RESULT)[0] ?? '')
    if (blueprint === undefined) return
    const value: unknown = evaluate(blueprint)
    try {
      checkBlueprint(value, { file: join(directory, 'tenfold.config.ts') })
    } catch (error) {
      const problems = (error as TenfoldError).details['problems'] as readonly Problem[]
      // The files are only in memory.
      expect(problems.filter(({ message }) => !message.startsWith('expected a file at'))).toEqual([])
    }
  })
})

/** What the module exports: it imports nothing but `defineSystem`, which gives back what it gets. */
function evaluate(blueprint: string): unknown {
  const body = blueprint.replace(/^import .*$/m, '').replace('export default defineSystem(', 'return (')
  // oxlint-disable-next-line no-new-func -- a text that was just written, by the code under test
  return new Function(body)()
}
