import { readSecretsFile } from '../core/secrets-file.ts'

/** Where the values of secrets come from, and how they stay out of what people read. */
export interface Secrets {
  /** The file of the blueprint, absolute; undefined: only the environment. */
  readonly file: string | undefined
  /**
   * Reads the values as they are now: of the environment first, then of the file.
   *
   * @throws TF_SECRETS_FILE_UNUSABLE
   */
  read(): Promise<Readonly<Record<string, string | undefined>>>
  /** A text in which every value that has been given to a service is left out. */
  hide(text: string): string
  /** Has these values hidden from now on. */
  keepHidden(values: readonly string[]): void
}

/** Shorter values stand in any text; leaving them out would only make it unreadable. */
const HIDDEN_MIN = 6
const HIDDEN_MAX = 1_000

/** The secrets of one system. `file` is asked anew each time: the blueprint may change. */
export function createSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  file: () => string | undefined,
): Secrets {
  const hidden = new Set<string>()
  return {
    get file() {
      return file()
    },
    async read() {
      const path = file()
      return path === undefined ? environment : { ...(await readSecretsFile(path)), ...environment }
    },
    hide(text) {
      let shown = text
      for (const value of hidden) if (shown.includes(value)) shown = shown.replaceAll(value, '[redacted]')
      return shown
    },
    keepHidden(values) {
      for (const value of values) if (value.length >= HIDDEN_MIN && hidden.size < HIDDEN_MAX) hidden.add(value)
    },
  }
}
