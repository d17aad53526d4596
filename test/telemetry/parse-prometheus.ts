/** One metric of a page. */
export interface ParsedFamily {
  readonly type: string
  readonly help: string
  readonly samples: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|(?=\}))/

/**
 * Reads the text format of Prometheus, and is as strict as its specification: HELP and TYPE once and before the samples,
 * no series twice, buckets cumulative and ended by +Inf, which equals the count. Throws for anything else.
 */
export function parsePrometheus(text: string): ReadonlyMap<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>()
  const seen = new Set<string>()
  if (!text.endsWith('\n')) throw new Error('expected the last line to end')
  let help: [name: string, text: string] | undefined
  let family: [name: string, ParsedFamily] | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string]
      if (kind === 'HELP') help = [name, rest]
      else {
        if (help?.[0] !== name) throw new Error(`expected the help of ${name} before its type`)
        if (families.has(name)) throw new Error(`expected ${name} once`)
        family = [name, { type: rest, help: help[1], samples: [] }]
        families.set(...family)
      }
      continue
    }
    const sample = parseSample(line)
    const base = family?.[1].type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name
    if (family === undefined || base !== family[0]) throw new Error(`expected a type before ${line}`)
    const series = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
    if (seen.has(series)) throw new Error(`expected ${line} once`)
    seen.add(series)
    family[1].samples.push(sample)
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkBuckets(name, samples)
  return families
}

function parseSample(line: string): ParsedFamily['samples'][number] {
  const name = NAME.exec(line)?.[0]
  if (name === undefined) throw new Error(`expected a sample, got ${line}`)
  let rest = line.slice(name.length)
  const labels: Record<string, string> = {}
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    for (let label = LABEL.exec(rest); label !== null; label = LABEL.exec(rest)) {
      labels[label[1]!] = label[2]!.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
      rest = rest.slice(label[0].length)
    }
    if (!rest.startsWith('}')) throw new Error(`expected labels, got ${line}`)
    rest = rest.slice(1)
  }
  if (!/^ (?:[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|[-+]Inf|NaN)$/.test(rest))
    throw new Error(`expected a value, got ${line}`)
  return { name, labels, value: Number(rest) }
}

function checkBuckets(name: string, samples: ParsedFamily['samples']): void {
  const groups = new Map<string, { les: number[]; counts: number[]; count?: number; hasSum: boolean }>()
  for (const sample of samples) {
    const { le, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    const group = groups.get(key) ?? { les: [], counts: [], hasSum: false }
    groups.set(key, group)
    if (sample.name === `${name}_bucket`) {
      group.les.push(le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le))
      group.counts.push(sample.value)
    } else if (sample.name === `${name}_count`) group.count = sample.value
    else group.hasSum = true
  }
  for (const { les, counts, count, hasSum } of groups.values()) {
    const isAscending = (values: readonly number[]): boolean =>
      values.every((value, at) => at === 0 || value >= values[at - 1]!)
    if (!isAscending(les) || !isAscending(counts)) throw new Error(`expected the buckets of ${name} to be cumulative`)
    if (les.at(-1) !== Number.POSITIVE_INFINITY || counts.at(-1) !== count)
      throw new Error(`expected +Inf of ${name} to be the count`)
    if (!hasSum) throw new Error(`expected a sum of ${name}`)
  }
}
