import { readFile, stat } from 'node:fs/promises'
import { messageOf, TenfoldError } from './errors.ts'

/**
 * Reads a file of lines `NAME=value`; quotes around a value are taken off, `#` begins a comment line. A file that
 * others than its owner and group can read is refused.
 *
 * @throws TF_SECRETS_FILE_UNUSABLE
 */
export async function readSecretsFile(path: string): Promise<Readonly<Record<string, string>>> {
  const text = await readPrivately(path)
  const values: Record<string, string> = {}
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name === undefined) {
      throw unusable(path, `line ${index + 1} to be NAME=value`, 'correct the line, or begin it with #')
    }
    values[name] = /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value
  }
  return values
}

async function readPrivately(path: string): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o007) === 0) return await readFile(path, 'utf8')
  } catch (error) {
    throw unusable(path, `a file that can be read (${messageOf(error)})`, 'create it, or correct "secrets"')
  }
  throw unusable(path, 'nobody else to have access', `chmod 600 '${path}'`)
}

/** Nothing of what stands in the file is shown. */
function unusable(path: string, expected: string, hint: string): TenfoldError {
  return new TenfoldError('TF_SECRETS_FILE_UNUSABLE', `expected ${expected}, in the secrets file ${path}`, {
    hint,
    details: { path },
  })
}
