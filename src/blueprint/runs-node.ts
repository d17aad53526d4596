/** Programs that are Node, or start it, and hand `NODE_OPTIONS` on to it. */
const NODE_PROGRAMS = new Set(['node', 'nodejs', 'npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'tsx', 'ts-node', 'nodemon'])
/** Words before a program that change nothing about which one it is. */
const BEFORE_PROGRAM = /^(?:[A-Za-z_][A-Za-z0-9_]*=.*|exec|env|nice|time)$/

/**
 * Whether a shell command runs a Node.js program, as far as its text shows: only then can the preload help it. Of
 * several commands the last counts, since that is the one that stays.
 *
 * @example runsNode('NODE_ENV=test node_modules/.bin/next start') // true
 * @example runsNode('python3 app.py') // false
 */
export function runsNode(command: string): boolean {
  const last = command.split(/&&|\|\||[;\n]/).findLast((part) => part.trim() !== '') ?? ''
  const program = last
    .trim()
    .split(/\s+/)
    .find((word) => !BEFORE_PROGRAM.test(word))
    ?.replaceAll(/^["']|["']$/g, '')
  if (program === undefined) return false
  return program.includes('node_modules/') || NODE_PROGRAMS.has(program.split('/').at(-1) ?? '')
}
