import type { AttackCase } from './attack-case.ts'
import type { Outcome } from './carry-out.ts'

/** What one proxy made of the cases, in their order. */
export interface Column {
  /** With its version. */
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

const NAME_LENGTH_MAX = 70

/** The page for people; the same for the same outcomes. */
export function attacksPage(cases: readonly AttackCase[], columns: readonly Column[]): string {
  const sum = (isCounted: (outcome: Outcome) => boolean): string =>
    columns
      .map(({ name, outcomes }) => outcomes.filter((each, at) => isCounted(each) && !isChance(cases[at]!, name)).length)
      .join(' | ')
  const groups = [...new Set(cases.map(({ group }) => group))]
  return `# Attacks, beside nginx and HAProxy

What becomes of requests that two readers could read in two ways. Each is sent on a connection of its own, with a \`GET
/smuggled\` behind it, to a server that keeps every byte, through each proxy with the configuration of \`bench/peers\`. This page
is written by a test when it is not there, and a fresh run must agree where the versions are the same:

\`\`\`sh not-run="in the checkout of Tenfold; needs nginx and HAProxy"
npm run test:engines -- attacks
\`\`\`

**sent** is how many whole requests there were by the strictest reading of RFC 9112; 0: the first one is malformed. Of the others,
a number of three digits is the status of a refusal, *closed* one without an answer, and **one** or **two** what the server got. *part* means that it
got the beginning of a request, and then the end of the connection; *by chance*, that it is refused or passed on from one time to
the next. **Bold**: more requests than were sent.

The test also sends every length with every encoding, in both orders and both versions, and holds the gateway to this: the server
never gets more requests than were sent, and what nginx and HAProxy both refuse, the gateway refuses.

Of these ${cases.length}, without what ends by chance:

| | ${columns.map(({ name }) => name).join(' | ')} |
|---|${columns.map(() => '---|').join('')}
| refused | ${sum(({ seen }) => seen === 0)} |
| passed on | ${sum(({ seen }) => seen > 0)} |
| more than was sent | ${sum(isTooMuch)} |

${groups.map((group) => table(group, cases, columns)).join('\n')}`
}

function table(group: string, cases: readonly AttackCase[], columns: readonly Column[]): string {
  const rows = cases.flatMap((each, at) => {
    if (each.group !== group) return []
    const cells = columns.map(({ name, outcomes }) => (isChance(each, name) ? 'by chance' : cell(outcomes[at]!)))
    return [`| ${shown(each.name)} | ${columns[0]!.outcomes[at]!.sent} | ${cells.join(' | ')} |`]
  })
  const head = `| | sent | ${columns.map(({ name }) => name).join(' | ')} |\n|---|---|${columns.map(() => '---|').join('')}`
  return `## ${group}\n\n${head}\n${rows.join('\n')}\n`
}

function isChance({ isChanceFor }: AttackCase, column: string): boolean {
  return isChanceFor !== undefined && column.startsWith(isChanceFor)
}

function cell(outcome: Outcome): string {
  const { seen, isBrokenOff, status } = outcome
  const count = ['', 'one', 'two'][seen] ?? String(seen)
  const text = seen === 0 ? String(status ?? 'closed') : isTooMuch(outcome) ? `**${count}**` : count
  return isBrokenOff ? `${text}, part` : text
}

function isTooMuch({ sent, seen }: Outcome): boolean {
  return seen > sent
}

function shown(name: string): string {
  if (name === '') return '(none)'
  const text = JSON.stringify(name)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll(/[^ -~]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
  const short = text.length > NAME_LENGTH_MAX ? `${text.slice(0, NAME_LENGTH_MAX)}…` : text
  return `\`${short.replaceAll('|', '\\|')}\``
}
