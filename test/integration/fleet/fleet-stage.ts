import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import type { ResolvedService } from '../../../src/blueprint/resolved-blueprint.ts'
import type { Notice } from '../../../src/control/snapshot.ts'
import { findChildUser } from '../../../src/core/child-user.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import type { LocalInstanceHost, LocalInstanceHostOptions } from '../../../src/fleet/instance-hosts/local.ts'
import { createLocalInstanceHost } from '../../../src/fleet/instance-hosts/local.ts'
import { materialisePackage, tenfoldPackageRoot } from '../../../src/fleet/materialise-package.ts'
import type { Release } from '../../../src/fleet/release.ts'
import { createReleaseStore } from '../../../src/fleet/release-store.ts'
import type { ServiceSupervisor } from '../../../src/fleet/service-supervisor.ts'
import type { ServiceSupervisorOptions } from '../../../src/fleet/service-supervisor-options.ts'
import { createServiceSupervisor } from '../../../src/fleet/service-supervisor.ts'
import type { BindingsDocument } from '../../../src/service/bindings-document.ts'
import type { RememberingBalancer } from '../../fleet/test-service.ts'
import { rememberingBalancer, testService } from '../../fleet/test-service.ts'
import { temporaryDirectory, writeTree } from '../../fleet/temporary-directory.ts'

/** A package with services, and everything that is needed to run them as real processes. */
export interface FleetStage {
  readonly root: string
  readonly logsDirectory: string
  readonly release: Release
  readonly host: LocalInstanceHost
  readonly notices: readonly Notice[]
  supervise(
    service: Partial<ResolvedService>,
    options?: Partial<ServiceSupervisorOptions>,
  ): { supervisor: ServiceSupervisor; balancer: RememberingBalancer }
  /** The program of a file of the package. */
  entry(path: string): ResolvedService['program']
  /** Pids of everything that runs of the stage. */
  pids(): readonly number[]
}

/** Tenfold's own code where the account can read it; made once, since it may take seconds. */
let ownCode: string | undefined

afterAll(() => {
  if (ownCode !== undefined) rmSync(ownCode, { recursive: true, force: true })
  ownCode = undefined
})

function ownCodeDirectory(): string {
  ownCode ??= mkdtempSync(join(tmpdir(), 'tenfold code-'))
  chmodSync(ownCode, 0o755)
  return ownCode
}

/**
 * Writes the files as a package and prepares a host for it, as root with an unprivileged account. Everything is stopped
 * and removed after the test.
 */
export async function fleetStage(
  files: Readonly<Record<string, string>>,
  options: Partial<LocalInstanceHostOptions> & {
    document?: () => Partial<BindingsDocument>
    packageRoot?: string
  } = {},
): Promise<FleetStage> {
  const user = findChildUser()
  const tenfoldRoot = await materialisePackage(tenfoldPackageRoot(), { dataRoot: ownCodeDirectory(), user })
  const root = temporaryDirectory()
  const dataRoot = temporaryDirectory()
  chmodSync(dataRoot, 0o755)
  // Where it can be read in place; what happens where it can't is `readable-release.test.ts`.
  chmodSync(root, 0o755)
  writeTree(root, { 'package.json': '{ "name": "app", "type": "module" }', ...files })
  // As npm would install us: a link, which a release has to follow.
  mkdirSync(join(root, 'node_modules'))
  chmodSync(join(root, 'node_modules'), 0o755)
  symlinkSync(tenfoldRoot, join(root, 'node_modules/tenfold'))
  const subprocesses = await createSubprocesses({
    recordFile: join(dataRoot, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: true,
  })
  onTestFinished(() => subprocesses.stopAll(0))
  const store = createReleaseStore({ dataRoot, user })
  const code = createReleaseStore({ dataRoot: ownCodeDirectory(), user })
  const logsDirectory = join(dataRoot, 'logs')
  const host = await createLocalInstanceHost({
    subprocesses,
    user,
    node: await code.readableNode(),
    tenfoldRoot,
    logsDirectory,
    bindingsDirectory: join(dataRoot, 'bindings'),
    blueprintDirectory: root,
    bindings: (service) => ({ layout: 1, service, databases: {}, services: {}, ...options.document?.() }),
    ...options,
  })
  const release = await store.take(root)
  const notices: Notice[] = []
  return {
    root,
    logsDirectory,
    release,
    host,
    notices,
    supervise(service, supervisorOptions = {}) {
      const balancer = rememberingBalancer()
      const supervisor = createServiceSupervisor({
        service: testService(service),
        release,
        host,
        balancer,
        onNotice: (notice) => notices.push(notice),
        ...supervisorOptions,
      })
      return { supervisor, balancer }
    },
    entry: (path) => ({ kind: 'entry', entry: join(root, path) }),
    pids: () => subprocesses.list().map(({ identity }) => identity.pid),
  }
}

/** Waits until something is so, at most 20 s. */
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpMs = systemClock.nowMs() + 20_000
  while (!(await isSo())) {
    if (systemClock.nowMs() > giveUpMs) throw new Error(`expected ${what} within 20 s`)
    await sleep(systemClock, 20)
  }
}

/** The body of an answer of an instance. */
export async function ask(port: number, path = '/'): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return response.text()
}
