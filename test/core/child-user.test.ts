import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canAccess, findChildUser, parsePasswd } from '../../src/core/child-user.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold user '))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function found(passwd: string): ReturnType<typeof findChildUser> {
  const passwdFile = join(directory, 'passwd')
  writeFileSync(passwdFile, passwd)
  return findChildUser({ uid: 0, passwdFile })
}

const ROOT = 'root:x:0:0:root:/root:/bin/bash\n'
const NOBODY = 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'
const POSTGRES = 'postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n'

describe('the account for children', () => {
  it('is postgres if the machine has it, else nobody', () => {
    expect(found(ROOT + NOBODY + POSTGRES)).toEqual({ name: 'postgres', uid: 101, gid: 104 })
    expect(found(ROOT + NOBODY)).toEqual({ name: 'nobody', uid: 65_534, gid: 65_534 })
  })

  it('is our own when we are not root', () => {
    expect(findChildUser({ uid: 1_000 })).toBeUndefined()
    expect(findChildUser({ uid: undefined })).toBeUndefined()
  })

  it('is never root under another name', () => {
    expect(found('postgres:x:0:0::/:/bin/sh\n' + NOBODY)?.name).toBe('nobody')
  })

  it('is asked for, with the next step, when there is none', () => {
    expect(() => found(ROOT)).toThrow(expect.objectContaining({ code: 'TF_CHILD_USER_MISSING' }))
  })

  it('is read from a file with comments, empty and broken lines, and the -2 of macOS', () => {
    const text = '# comment\n\nbroken\nx:*:y:z:\nnobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n'
    expect(parsePasswd(text)).toEqual([{ name: 'nobody', uid: 4_294_967_294, gid: 4_294_967_294 }])
  })
})

describe('access', () => {
  it('is what we have ourselves when no user is given', async () => {
    const file = join(directory, 'a "file" $(name)')
    writeFileSync(file, '', { mode: 0o600 })
    expect(await canAccess(undefined, file, 'read')).toBe(true)
    expect(await canAccess(undefined, file, 'write')).toBe(true)
    expect(await canAccess(undefined, file, 'execute')).toBe(false)
    expect(await canAccess(undefined, directory, 'execute')).toBe(true)
    expect(await canAccess(undefined, join(directory, 'missing'), 'read')).toBe(false)
  })
})
