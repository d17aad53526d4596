import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSecretsFile } from '../../src/core/secrets-file.ts'
import { createSecrets } from '../../src/fleet/secrets.ts'
import { temporaryDirectory } from './temporary-directory.ts'

function file(text: string, mode = 0o600): string {
  const path = join(temporaryDirectory(), 'secrets.env')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

test('secrets are read from the environment first, then from the file as it is now', async () => {
  const path = file('# keys\n\nSTRIPE=sk_file\nexport MAIL = "a b=c"\r\nEMPTY=\n')
  const secrets = createSecrets({ STRIPE: 'sk_environment' }, () => path)
  expect(await secrets.read()).toEqual({ STRIPE: 'sk_environment', MAIL: 'a b=c', EMPTY: '' })
  writeFileSync(path, "MAIL='rotated'")
  expect(await secrets.read()).toEqual({ STRIPE: 'sk_environment', MAIL: 'rotated' })
  expect(await createSecrets({ A: '1' }, () => undefined).read()).toEqual({ A: '1' })
})

test.each([
  ['open to others', () => file('A=hunter2', 0o644), /chmod 600/],
  ['not there', () => '/nowhere/secrets.env', /create it/],
  ['no list', () => file('hunter2 is the password'), /correct the line/],
])('a file that is %s is refused, and nothing of it is shown', async (_what, path, hint) => {
  const error = await readSecretsFile(path()).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'TF_SECRETS_FILE_UNUSABLE', hint: expect.stringMatching(hint) })
  expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('hunter2')
})

test('values that were given to services are left out of texts, short ones are not', () => {
  const secrets = createSecrets({}, () => undefined)
  secrets.keepHidden(['hunter22', 'a'])
  expect(secrets.hide('a key: hunter22, hunter22')).toBe('a key: [redacted], [redacted]')
})
