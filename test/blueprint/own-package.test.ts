import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'tenfold own package '))
afterAll(() => rmSync(directory, { recursive: true }))

/** Hooks are for a whole process, so each case has one. */
function load(name: string, blueprint: string): string {
  const folder = join(directory, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tenfold.config.mjs'), blueprint)
  const loader = pathToFileURL(join(import.meta.dirname, '../../src/blueprint/load.ts')).href
  const code = `
    const { loadBlueprint } = await import(${JSON.stringify(loader)})
    console.log(await loadBlueprint('.').then(({ name }) => name, (error) => error.message))`
  return execFileSync(process.execPath, ['--conditions=tenfold-source', '--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
  })
}

const SHOP = `import { defineSystem } from 'tenfold'\nexport default defineSystem({ name: 'shop', services: { web: { command: 'x' } } })`

test('a blueprint finds this package where none is installed', () => {
  expect(load('without', SHOP)).toBe('shop\n')
})

test('a package that is installed comes first', () => {
  const installed = join(directory, 'with/node_modules/tenfold')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(installed, 'package.json'), '{ "name": "tenfold", "type": "module", "exports": "./index.js" }')
  writeFileSync(join(installed, 'index.js'), `export const defineSystem = (system) => ({ ...system, name: 'theirs' })`)
  expect(load('with', SHOP)).toBe('theirs\n')
})

test('what this package does not have either is said of the place that asks', () => {
  expect(load('wrong', SHOP.replace('tenfold', 'tenfold/nothing'))).toContain('wrong/tenfold.config.mjs')
  expect(load('other', SHOP.replace('tenfold', 'tenfolder'))).toContain("Cannot find package 'tenfolder'")
})
