import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileJson, compileText, placeholdersIn } from '../../src/load/template.ts'

/** Text with every character that matters in a header, a URL or JSON. */
const anyText = fc.string({ unit: fc.constantFrom('a', 'é', '✓', '😀', '"', '\\', '\r', '\n', '\0', '{', '%') })

const slotOf = (name: string): number => ['user.id', 'token'].indexOf(name)

describe('a text template', () => {
  it('percent-encodes values in paths, so that none changes the structure of the URL', () => {
    const path = compileText('/users/{{user.id}}?q={{token}}', 'percent', slotOf)
    expect(path.render(['a/b?c', 'x&y=z'])).toBe('/users/a%2Fb%3Fc?q=x%26y%3Dz')
  })

  it('never lets a value start another header', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        expect(compileText('Bearer {{token}}', 'header', slotOf).render([undefined, value])).not.toMatch(/[\r\n\0]/)
      }),
    )
  })

  it('knows that it is constant', () => {
    expect(compileText('/menu', 'percent', slotOf)).toMatchObject({ constant: '/menu', needs: [] })
  })

  it('lists what it needs, blanks in the braces ignored', () => {
    expect(compileText('{{ token }}-{{user.id}}', 'percent', slotOf).needs.map(({ name }) => name)).toEqual([
      'token',
      'user.id',
    ])
    expect(placeholdersIn('{{ token }} and {{user.id}}')).toEqual(['token', 'user.id'])
  })
})

describe('a JSON template', () => {
  it('keeps the type of a value that stands alone', () => {
    const json = compileJson({ id: '{{user.id}}', tags: ['{{token}}', 1, true, null] }, slotOf)
    expect(JSON.parse(json.render([7, { a: [1] }]))).toEqual({ id: 7, tags: [{ a: [1] }, 1, true, null] })
  })

  it('makes text of a value inside a text', () => {
    expect(compileJson('for {{user.id}}!', slotOf).render([7])).toBe('"for 7!"')
  })

  it('is the JSON it was written as when it has no placeholders', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const text = JSON.stringify(json)
        fc.pre(!text.includes('{{'))
        expect(compileJson(JSON.parse(text), slotOf).constant).toBe(text)
      }),
    )
  })

  it('stays valid JSON whatever the values are', () => {
    const json = compileJson({ a: '{{token}}', b: 'x{{token}}y' }, slotOf)
    fc.assert(
      fc.property(anyText, (value) => {
        expect(JSON.parse(json.render([undefined, value]))).toEqual({ a: value, b: `x${value}y` })
      }),
    )
  })
})
