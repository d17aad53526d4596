import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CodeBlock, Page } from '../tidy/pages.ts'
import { codeBlocks, pages, isOnShop } from '../tidy/pages.ts'
import type { Stage } from './stage.ts'
import { CHECKOUT, stage, TEST_TIMEOUT_MS } from './stage.ts'

const tried = pages().filter((page) => codeBlocks(page).some(isRun))
const onShop = tried.filter((page) => isOnShop(page))
const alone = tried.filter((page) => !isOnShop(page))

/** Commands as a reader has them: `npx tenfold` is this checkout, and `curl` needs no curl. */
let commands: string
beforeAll(() => {
  commands = mkdtempSync(join(tmpdir(), 'tenfold commands '))
  const launcher = join(CHECKOUT, 'bin/tenfold.js')
  writeProgram('npx', `[ "$1" = tenfold ] || exit 1; shift; exec "${process.execPath}" "${launcher}" "$@"`)
  writeProgram('curl', `exec "${process.execPath}" "${join(import.meta.dirname, 'curl.ts')}" "$@"`)
})
afterAll(() => rmSync(commands, { recursive: true }))

function writeProgram(name: string, line: string): void {
  writeFileSync(join(commands, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 })
}

describe('the shell blocks of', () => {
  test.for(alone.map((page) => [page.path, page] as const))(
    '%s',
    { timeout: 2 * TEST_TIMEOUT_MS },
    async ([, page], { skip }) => {
      const needed = /^<!-- needs: (\w+) -->$/m.exec(page.text)?.[1]
      skip(needed !== undefined && !isThere(needed), `${needed} is not here`)
      await tryPage(page, stage())
    },
  )

  test('the pages on the running shop', { timeout: 2 * TEST_TIMEOUT_MS }, async () => {
    const on = stage()
    copyShop(on)
    expect(await on.end(['up', '--detach'])).toMatchObject({ code: 0 })
    for (const page of onShop) await tryPage(page, on)
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
  })
})

/** As somebody has it who has copied the directory and installed what it needs. */
function copyShop(on: Stage): void {
  cpSync(join(CHECKOUT, 'systems/shop'), on.directory, {
    recursive: true,
    filter: (path) => !path.includes('.tenfold'),
  })
  on.write({ 'package.json': '{ "name": "shop", "type": "module", "private": true }' })
  mkdirSync(join(on.directory, 'node_modules'))
  symlinkSync(CHECKOUT, join(on.directory, 'node_modules/tenfold'))
  symlinkSync(join(CHECKOUT, 'node_modules/kysely'), join(on.directory, 'node_modules/kysely'))
}

function isThere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)))
}

function isRun({ attributes }: CodeBlock): boolean {
  return 'run' in attributes
}

/** Does what the page says, from its first block to its last. */
async function tryPage(page: Page, on: Stage): Promise<void> {
  let directory = on.directory
  let said = (): string => ''
  for (const block of codeBlocks(page)) {
    const { text, attributes, line } = block
    const place = `${page.path}:${line}`
    if (attributes['file'] !== undefined) {
      mkdirSync(dirname(join(directory, attributes['file'])), { recursive: true })
      writeFileSync(join(directory, attributes['file']), text)
    } else if (isRun(block)) {
      const run = await start(on, directory, block)
      const until = attributes['until']
      said = () => `${run.out()}\n${run.err()}`
      if (until !== undefined) await run.says(new RegExp(until))
      else {
        const { code, err, out } = await run.ended
        expect(code, `${place}\n${out}\n${err}`).toBe(Number(attributes['status'] ?? 0))
        directory = readFileSync(join(commands, 'pwd'), 'utf8').trim()
      }
    } else if ('output' in attributes) {
      // What a program that goes on says on one stream may be there before what it said on the other.
      await expect.poll(() => linesNotSaid(text, said()), { timeout: 5_000, message: place }).toEqual([])
    }
  }
}

async function start(on: Stage, directory: string, block: CodeBlock): Promise<ReturnType<Stage['tenfold']>> {
  const text = await withGateway(on, directory, block.text)
  // A shell of its own for each block, but one that goes on where the last was. What goes on running is not its child.
  const script =
    block.attributes['until'] === undefined
      ? `trap 'pwd > "${join(commands, 'pwd')}"' EXIT\n${text}`
      : `exec ${text.trim()}`
  return on.tenfold([], {
    cwd: directory,
    program: ['bash', '-e', '-o', 'pipefail', '-c', script],
    env: { PATH: `${commands}:${process.env['PATH']}`, SHOP_KEY: 'a secret' },
  })
}

/** Pages say 8080; where that is taken the gateway has another port. */
async function withGateway(on: Stage, directory: string, text: string): Promise<string> {
  if (!text.includes('http://127.0.0.1:8080')) return text
  const { code, out } = await on.end(['status', '--json'], { cwd: directory })
  if (code !== 0) return text
  const { gateway } = JSON.parse(out) as { gateway: { url: string } }
  return text.replaceAll('http://127.0.0.1:8080', gateway.url)
}

/** Lines of a page that the output has not, in this order. Numbers may differ; `…` stands for anything. */
function linesNotSaid(expected: string, output: string): readonly string[] {
  const lines = comparable(output)
  let from = 0
  return comparable(expected).filter((line) => {
    const pattern = new RegExp(
      `^${line
        .split(/\s*…\s*/)
        .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'))
        .join('.*')}$`,
    )
    const at = lines.findIndex((candidate, index) => index >= from && pattern.test(candidate))
    if (at === -1) return true
    from = at + 1
    return false
  })
}

function comparable(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/\d[\d.,:]*/g, '0')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '' && line !== '…')
}
