import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyEncoder } from '../../src/clusters/copy-text.ts'

const encode = copyEncoder('column', false)
const encodeArray = copyEncoder('column', true)

/** PostgreSQL's reading of the text format, from its documentation of COPY. */
function decode(text: string): string | null {
  if (text === '\\N') return null
  const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
  return text.replace(/\\(.)/gs, (_, letter: string) => letters[letter] ?? letter)
}

/** PostgreSQL's reading of an array literal whose elements are all quoted, NULL or arrays. */
function decodeArray(text: string): unknown {
  let at = 0
  const read = (): unknown => {
    if (text[at] === '{') {
      at++
      const elements: unknown[] = []
      while (text[at] !== '}') {
        elements.push(read())
        if (text[at] === ',') at++
      }
      at++
      return elements
    }
    if (text.startsWith('NULL', at)) {
      at += 4
      return null
    }
    let element = ''
    for (at++; text[at] !== '"'; at++) {
      if (text[at] === '\\') at++
      element += text[at]
    }
    at++
    return element
  }
  return read()
}

const awkward = fc.string({
  unit: fc.constantFrom('\t', '\n', '\r', '\\', '"', "'", 'N', '{', '}', ',', 'é', '😀', 'a', '.'),
})

describe('the text format of COPY', () => {
  test('gives every string back, and none of them ends a field or a row', () => {
    fc.assert(
      fc.property(fc.oneof(awkward, fc.string()), (text) => {
        const encoded = encode(text)
        expect(encoded).not.toMatch(/[\t\n\r]/)
        expect(decode(encoded)).toBe(text)
      }),
    )
  })

  test('tells NULL from the string that looks like it', () => {
    expect(encode(null)).toBe('\\N')
    expect(encode('\\N')).toBe('\\\\N')
    expect(encode('')).toBe('')
  })

  test('gives every JSON value back', () => {
    const object = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(awkward, fc.jsonValue()))
    fc.assert(
      fc.property(object, (value) => {
        expect(JSON.parse(decode(encode(value as never)) as string)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('gives every array back in a column of arrays', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(awkward, fc.constant(null), fc.array(awkward, { minLength: 1 }))), (values) => {
        expect(decodeArray(decode(encodeArray(values)) as string)).toEqual(values)
      }),
    )
  })

  test('writes numbers, booleans and dates as PostgreSQL reads them', () => {
    const values = [0, -1.5, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 63n, true, false, new Date(0)]
    expect(values.map((value) => encode(value))).toEqual([
      '0',
      '-1.5',
      'NaN',
      'Infinity',
      '9223372036854775808',
      't',
      'f',
      '1970-01-01T00:00:00.000Z',
    ])
    expect(encodeArray([1, true, [2n]])).toBe('{"1","t",{"2"}}')
  })

  test('writes dates of years with more digits, and before Christ', () => {
    expect(encode(new Date(Date.UTC(12_026, 0, 2)))).toBe('12026-01-02T00:00:00.000Z')
    expect(encode(new Date('-000043-03-15T00:00:00.000Z'))).toBe('0044-03-15T00:00:00.000Z BC')
  })

  test('refuses what has no value', () => {
    expect(() => encode(undefined)).toThrow(expect.objectContaining({ code: 'TF_SEED_FAILED' }))
    expect(() => encode(new Date(Number.NaN))).toThrow(expect.objectContaining({ code: 'TF_SEED_FAILED' }))
    expect(() => encodeArray([undefined])).toThrow(expect.objectContaining({ code: 'TF_SEED_FAILED' }))
  })
})
