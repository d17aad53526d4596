import type { Application } from './application.ts'

/** The gateway's port where the blueprint does not say. */
const GATEWAY_PORT = 8080
const GATEWAY_PORT_OTHER = 8081

/** The blueprint of an application: a file that explains each of its lines. It is as valid JavaScript as TypeScript. */
export function writeBlueprint(application: Application): string {
  const { name, framework } = application
  return `${[
    `import { defineSystem } from 'tenfold'`,
    '',
    `// Written by "tenfold init" for ${oneLine(framework.value)}, which runs as it is. All of this is yours to change.`,
    'export default defineSystem({',
    '  // Names the system. What it keeps is in .tenfold/, below this directory.',
    `  name: ${quoted(name)},`,
    '  services: {',
    '    web: {',
    ...serviceLines(application).map((line) => `      ${line}`),
    '    },',
    '  },',
    ...gatewayLines(application).map((line) => `  ${line}`),
    '  // What its users may count on. "npx tenfold rehearse" says whether it holds at the peak.',
    `  objectives: { web: { availability: 0.99, latency: { p95: '300ms' } } },`,
    '  // The peak to be ready for: visitors that arrive in a second, and what each of them does.',
    '  load: {',
    `    peak: '20 sessions/s',`,
    `    // ${sentence(application.page.because)} Add the steps of a real visit.`,
    `    scenarios: [{ name: 'visit', steps: [{ name: 'page', path: ${quoted(application.page.value)} }] }],`,
    '  },',
    '})',
  ].join('\n')}\n`
}

function serviceLines({ program, build, port, health, instances, variables }: Application): readonly string[] {
  const { value } = program
  return [
    `// ${sentence(program.because)}`,
    ...(isFixed(port) ? [] : [`// ${sentence(port.because)}`]),
    ...(build === undefined ? [] : [`// Run "${oneLine(build.value)}" first: ${oneLine(build.because)}.`]),
    value.kind === 'entry' ? `entry: ${quoted(value.entry)},` : `command: ${quoted(value.command)},`,
    ...portLines(port, instances),
    '// The gateway sends every path here.',
    `routes: ['/'],`,
    ...(health === undefined
      ? []
      : [
          `// ${sentence(health.because)} An instance gets requests once it does so with 2xx.`,
          `health: ${quoted(health.value)},`,
        ]),
    instances.value === 1
      ? `// ${sentence(instances.because)}`
      : `// So many run side by side: ${oneLine(instances.because)}.`,
    `instances: { min: ${instances.value} },`,
    ...(variables === undefined
      ? []
      : [
          `// ${sentence(variables.because)} Their values come from the environment of tenfold: .env is never copied.`,
          'env: {',
          ...variables.value.map((name) => `  ${name}: { secret: ${quoted(name)} },`),
          '},',
        ]),
  ]
}

function portLines(port: Application['port'], instances: Application['instances']): readonly string[] {
  if (!isFixed(port)) return []
  const because = `// ${sentence(port.because)}`
  return instances.value > 1
    ? [`${because} Each instance is given a port of its own instead.`, `port: ${port.value},`]
    : [because, `port: ${port.value},`]
}

function isFixed({ value }: Application['port']): boolean {
  return typeof value === 'number'
}

/** A program that keeps the gateway's port for itself makes the gateway take another. */
function gatewayLines({ port, instances }: Application): readonly string[] {
  if (port.value !== GATEWAY_PORT || instances.value > 1) return []
  return [
    `// The program listens on ${GATEWAY_PORT} itself, the gateway beside it.`,
    `gateway: { port: ${GATEWAY_PORT_OTHER} },`,
  ]
}

function quoted(text: string): string {
  return /^[^\p{Cc}\u2028\u2029'\\]*$/u.test(text) ? `'${text}'` : JSON.stringify(text)
}

/** What comes from the project's files can't end the comment that it stands in. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

function sentence(text: string): string {
  const line = oneLine(text)
  // A file's name stays as it is written.
  const isWord = /^[a-z]+ /.test(line)
  return `${isWord ? line.charAt(0).toUpperCase() + line.slice(1) : line}.`
}
