import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'docs/reference/blueprint.md')

/** An option of the blueprint, as its type and docstring say. */
export interface DocumentedOption {
  readonly name: string
  readonly isRequired: boolean
  readonly type: string
  readonly meaning: string
  readonly byDefault: string | undefined
  readonly example: string | undefined
  /** Whether this version refuses it. */
  readonly isLater: boolean
}

/**
 * The text of `docs/reference/blueprint.md`: the page as it is, with the table after each `<!-- options: FILE INTERFACE -->`
 * made anew from the types and docstrings of `src/blueprint`.
 */
export function blueprintDocument(): string {
  return readFileSync(PAGE, 'utf8').replaceAll(
    /(<!-- options: (\S+) (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_whole, begin: string, file: string, name: string, end: string) => `${begin}\n${table(file, name)}\n\n${end}`,
  )
}

/** The interfaces whose options the page lists: file and name. */
export function documentedInterfaces(): readonly (readonly [file: string, name: string])[] {
  const markers = readFileSync(PAGE, 'utf8').matchAll(/<!-- options: (\S+) (\S+) -->/g)
  return [...markers].map(([, file = '', name = '']) => [file, name] as const)
}

function table(file: string, name: string): string {
  const rows = documentedOptions(file, name).map(({ name: option, type, isRequired, isLater, ...rest }) =>
    [
      `\`${option}\``,
      VALUES[`${name}.${option}`] ?? valueOf(type),
      isRequired ? 'required' : rest.byDefault?.replace(/^['{[].*$/, '`$&`'),
      isLater ? `*Later.* ${rest.meaning}` : rest.meaning,
      `\`${rest.example}\``,
    ].map((cell = '') => cell.replaceAll('|', '\\|')),
  )
  return ['| option | value | default | meaning | example |', '|---|---|---|---|---|', ...rows.map(line)].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** Where the type says it to the compiler better than to people. */
const VALUES: Readonly<Record<string, string>> = {
  'Blueprint.databases': '[a database](#a-database) by name',
  'Blueprint.caches': '[a cache](#a-cache) by name',
  'Blueprint.topics': '[a topic](#a-topic) by name',
  'Blueprint.queues': '[a queue](#a-queue) by name',
  'Blueprint.services': '[a service](#a-service) by name, at least one',
  'Blueprint.secrets': 'path',
  'Blueprint.objectives': '[an objective](#an-objective) by service',
  'Blueprint.load': '[load](#load)',
  'Blueprint.gateway': '[the gateway](#the-gateway)',
  'Database.backup': '[`{ to, every, keep, walEvery }`](#backup)',
  'Database.recovery': '[`{ time, loss }`](#recovery)',
  'Backup.to': 'path, or `{ bucket }`',
  'Backup.keep': '`{ backups }` or `{ for }`',
  'BackupBucket.bucket': "`'s3://…'`",
  'Service.entry': 'path',
  'Service.static': 'path',
  'Service.fallback': 'path',
  'Service.schedule': 'text, or [`{ cron, timezone, … }`](#schedule)',
  'Schedule.timezone': 'name of a time zone',
  'Service.port': '1 to 65535',
  'Service.routes': 'list of paths, or of [`{ path, timeout }`](#a-route)',
  'Route.path': 'path',
  'Service.health': 'path',
  'Service.env': 'text, or `{ secret }`, by variable',
  'Service.instances': '[`{ min, desired, max }`](#instances)',
  'Service.traffic': '[`{ balance, … }`](#traffic)',
  'Traffic.balance': '`{ by, key }`',
  'Traffic.inFlight': '[`{ soft, hard }`](#in-flight)',
  'Traffic.probe': '[`{ interval, … }`](#probe)',
  'Traffic.ejection': "[`{ after, for, atMost }`](#ejection), or `'off'`",
  'Traffic.panicBelow': 'share',
  'Ejection.atMost': 'share',
  'Traffic.rate': '[`{ requests, … }`](#rate)',
  'Traffic.adaptive': '[`{ start }`](#adaptive)',
  'Traffic.shed': '[`{ low, … }`](#shed)',
  'Rate.key': "`'client'`, `{ header }` or `{ cookie }`",
  'Traffic.queue': '[`{ length, timeout }`](#queue)',
  'Service.scale': '`{ metric, target, out, in }`',
  'Database.tables': '`shape<Tables>()`',
  'Database.key': 'column',
  'Database.shards': '`{ by, … }`',
  'Database.reference': 'list of tables',
  'Database.migrations': 'path, or list of paths',
  'Database.seed': 'path, or list of paths',
  'Engine.engine': "`'postgres'`",
  'Engine.url': "`{ env: 'NAME' }`",
  'Gateway.port': '0 to 65535',
  'Gateway.host': 'address',
  'Gateway.tls': '[`{ certificate, key }`](#a-certificate), or a list of them',
  'Gateway.headers': '[`{ size, count }`](#header-limits)',
  'Certificate.certificate': 'path',
  'Certificate.key': 'path',
  'Objective.availability': 'share',
  'Objective.latency': "`{ p50, p90, p95, p99, 'p99.9' }`, durations",
  'Load.peak': 'rate',
  'Load.scenarios': 'list of [scenarios](#a-scenario)',
  'Load.arrivals': '[`{ shape, … }`](#arrivals)',
  'Resources.cpu': 'number above 0',
  'Scenario.feeds': '[feeds](#feeds) by name',
  'Scenario.steps': 'list of [steps](#a-step)',
  'Step.path': 'path',
  'Step.headers': 'text by header',
  'Step.json': 'JSON',
  'Step.extract': '[extracts](#extracts) by name',
  'Step.code': '`{ module, export }`',
  'Check.status': 'number, or list of numbers',
  'Check.json': 'value by path',
  'Cache.value': '`shape<Value>()`, or a Standard Schema',
  'Topic.database': 'name of a database',
  'WorkQueue.database': 'name of a database',
  'WorkQueue.item': '`shape<Item>()`, or a Standard Schema',
  'Topic.event': '`shape<Event>()`, or a Standard Schema',
  'Topic.key': 'field of the event',
  'Alerts.page': "list of `'pagerduty'`, `'slack'`, `'webhook'`",
  'Alerts.ticket': "list of `'pagerduty'`, `'slack'`, `'webhook'`",
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  boolean: '`true` or `false`',
  Duration: 'duration',
  Size: 'size',
  Resources: '[`{ cpu, memory }`](#resources)',
  Check: '[`{ status, json, bodyContains }`](#a-check)',
  Think: '[`{ mean, distribution }`](#think-time)',
  Alerts: '[`{ page, ticket }`](#alerts)',
}

function valueOf(type: string): string {
  if (/^readonly \w+Name\[\]$/.test(type)) return 'list of names'
  return (
    WORDS[type] ??
    (type.startsWith("'")
      ? type.replaceAll(/'[^']*'/g, (text) => `\`${text}\``).replaceAll(' | ', ', ')
      : `\`${type}\``)
  )
}

/** The options of an interface in a file of `src/blueprint`, in order. */
export function documentedOptions(file: string, name: string): readonly DocumentedOption[] {
  const source = readFileSync(join(ROOT, 'src/blueprint', file), 'utf8')
  const body = new RegExp(String.raw`^export interface ${name}\b[\s\S]*?^\}`, 'm').exec(source)?.[0]
  if (body === undefined) throw new Error(`expected an interface ${name} in ${file}, got none`)
  const option = /^ {2}(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2})?'?([\w.]+)'?(\?)?: (.*)$/gm
  return [...body.matchAll(option)].map(([, comment = '', key = '', optional, type = '']) => {
    const text = comment
      .replaceAll(/^\s*\* ?/gm, '')
      .replaceAll(/\s+/g, ' ')
      .trim()
    const [meaning = '', ...tags] = text.split(/ ?(?=@(?:default|example|later)\b)/)
    const tag = (of: string): string | undefined =>
      tags.find((found) => found.startsWith(`@${of} `))?.slice(of.length + 2)
    return {
      name: key,
      isRequired: optional === undefined,
      type,
      meaning: meaning.trim(),
      byDefault: tag('default'),
      example: tag('example'),
      isLater: tag('later') !== undefined,
    }
  })
}
