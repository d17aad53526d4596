/** Never part of a release: not source, rebuilt elsewhere, or secret (`.env`: name secrets in the blueprint instead). */
const ALWAYS = [
  'node_modules',
  '.git',
  '.tenfold',
  'coverage',
  '*.tgz',
  '.env',
  '.env.*',
  '*.env',
  '.npmrc',
  '.DS_Store',
  '*.tsbuildinfo',
]

/** Says which paths stay out of a release. */
export interface IgnoreRules {
  /** @param path relative to the package, with `/` */
  ignores(path: string): boolean
}

/**
 * The built-in rules and those of a `.tenfoldignore`: a pattern a line, `#` for comments, `*` for any characters
 * within a name. A pattern without an inner slash matches at any depth, one with a slash from the package's root.
 *
 * @param text content of the `.tenfoldignore`
 * @example ignoreRules('*.parquet\n/data').ignores('reports/big.parquet') // true
 */
export function ignoreRules(text = ''): IgnoreRules {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const patterns = [...ALWAYS, ...lines].map(expressionOf)
  return { ignores: (path) => patterns.some((pattern) => pattern.test(path)) }
}

function expressionOf(pattern: string): RegExp {
  const bare = pattern.replace(/^\/+|\/+$/g, '')
  const isRooted = pattern.startsWith('/') || bare.includes('/')
  const words = bare.split('*').map((word) => word.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`${isRooted ? '^' : '(^|/)'}${words.join('[^/]*')}$`)
}
