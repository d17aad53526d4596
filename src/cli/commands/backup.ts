import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { connectControl } from '../../control/control-client.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'
import { listBackups } from '../backup/list-backups.ts'
import { pullBackups } from '../backup/pull-backups.ts'
import { takeBackups } from '../backup/take-backups.ts'
import { verifyBackups } from '../backup/verify-backups.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'

const ACTIONS = ['take', 'list', 'verify', 'mark', 'pull'] as const
type Action = (typeof ACTIONS)[number]

/** `tenfold backup`: take, list, try and copy backups. */
export const backup: Command = {
  name: 'backup',
  summary: 'take a backup now, list what there is, try whether it can be restored, copy it elsewhere',
  description:
    'take [DATABASE]           a base backup now, besides those that the blueprint asks for\n' +
    'list [DATABASE]           what there is, and how far back it leads\n' +
    'verify [DATABASE] [NAME]  restores it beside the data, looks at every table and index, and removes it again\n' +
    'mark DATABASE NAME        names the state of now: "tenfold restore DATABASE --to NAME" comes back to it\n' +
    'pull --from A --to B      copies what is new in a folder of backups into another, and compares all of it\n' +
    'A backup counts when it is whole, durable and verified by nobody but you: run verify, best of all by a schedule.',
  argument: {
    name: 'ACTION…',
    description: 'take, list, verify, mark or pull, and what it needs',
    default: 'take',
    isList: true,
  },
  options: {
    ...SYSTEM_OPTION,
    from: {
      type: 'string',
      value: 'PLACE',
      description: 'a folder with backups, or s3://bucket/prefix (default: what the blueprint says)',
    },
    to: { type: 'string', value: 'FOLDER', description: 'of pull: the folder that gets the copy' },
    keep: {
      type: 'string',
      value: 'NUMBER|DURATION',
      description: 'of pull: what the copy keeps (default: everything)',
    },
  },
  examples: [
    ['npx tenfold backup', 'of every database'],
    ['npx tenfold backup mark orders before-menu', 'before something daring'],
    ['npx tenfold backup verify orders', 'could it be restored, and how fast?'],
    ['npx tenfold backup pull --from /mnt/backups --to /srv/second-region', 'as another user, on another machine'],
  ],
  async run(input) {
    const { action, names } = actionOf(input.names)
    if (action === 'pull') return pullBackups(input)
    const blueprint = await namedBlueprint({ ...input, argument: String(input.options['system'] ?? '.') })
    switch (action) {
      case 'take':
        return takeBackups(input, blueprint, names)
      case 'list':
        return listBackups(input, blueprint, names)
      case 'verify':
        return verifyBackups(input, blueprint, names)
      case 'mark':
        return mark(input, blueprint, names)
    }
  },
}

/** Without an action, a backup is taken: `tenfold backup orders`. */
function actionOf([first = 'take', ...rest]: readonly string[]): { action: Action; names: readonly string[] } {
  const action = ACTIONS.find((candidate) => candidate === first)
  if (action !== undefined) return { action, names: rest }
  const meant = didYouMean(first, ACTIONS)
  if (meant === undefined) return { action: 'take', names: [first, ...rest] }
  throw new TenfoldError('TF_USAGE', `expected ${ACTIONS.join(', ')}, got ${JSON.stringify(first)}`, {
    hint: `did you mean ${meant}? A database of that name: tenfold backup take ${first}`,
  })
}

async function mark(input: CommandInput, blueprint: ResolvedBlueprint, names: readonly string[]): Promise<ExitCode> {
  const [database, name, ...more] = names
  if (database === undefined || name === undefined || more.length > 0) {
    throw new TenfoldError('TF_USAGE', `expected backup mark DATABASE NAME, got ${names.length} names`, {
      hint: 'write for example: tenfold backup mark orders before-menu',
    })
  }
  const control = connectControl(stateDirectoryOf(blueprint))
  const point = await control.command<{ lsn: string }>('backup-mark', { database, name }, { signal: input.signal })
  const isJson = input.options['json'] === true
  input.terminal.out(isJson ? JSON.stringify(point) : `${database} at ${point.lsn} is called ${name}`)
  return EXIT.success
}
