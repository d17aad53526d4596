import type { ConsoleSession } from '../../sql/console-session.ts'
import { isServerError } from '../../sql/sql-failure.ts'
import type { Terminal } from '../terminal.ts'
import { failureView, resultJson, resultView } from './result-view.ts'

/**
 * Runs statements one after the other and shows what comes of them; each is a transaction of its own unless they say
 * otherwise. Ends at the first that fails: false.
 *
 * @throws TF_CONNECTION_LOST
 */
export async function runStatements(
  session: ConsoleSession,
  statements: readonly string[],
  { terminal, isJson }: { readonly terminal: Terminal; readonly isJson: boolean },
): Promise<boolean> {
  for (const statement of statements) {
    try {
      const result = await session.run(statement)
      terminal.out(isJson ? resultJson(result) : resultView(result, terminal.style))
    } catch (error) {
      if (!isServerError(error)) throw error
      const { code, message, detail, hint, position } = error
      if (isJson) terminal.out(JSON.stringify({ error: { sqlState: code, message, detail, hint, position } }))
      terminal.note(failureView(error, statement, terminal.style))
      return false
    }
  }
  return true
}
