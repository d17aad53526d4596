import { isDeepStrictEqual } from 'node:util'
import type { Certificate, CertificateFiles } from '../../core/certificate.ts'
import { endsSoon, readCertificate } from '../../core/certificate.ts'
import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { Notice } from '../../control/snapshot.ts'

/** Has a gateway show the certificates that stand in files, and those that take their place there. */
export interface CertificateKeeper {
  /**
   * Hands them to a process that has just come to listen. One that has some already, since it was adopted, keeps them
   * where the files can't be used.
   *
   * @throws TF_CERTIFICATE_UNUSABLE; what handing over throws
   */
  enter(hasSome: boolean): Promise<void>
  /** Looks after the files until the signal; never rejects. */
  watch(signal: AbortSignal): Promise<void>
}

/** @see createCertificateKeeper */
export interface CertificateKeeperOptions {
  readonly files: readonly CertificateFiles[]
  readonly clock: Clock
  /** Gives them to the gateway. */
  readonly hand: (certificates: readonly Certificate[]) => Promise<void>
  readonly onNotice: (notice: Omit<Notice, 'atEpochMs'>) => void
  /** @default readCertificate */
  readonly read?: (files: CertificateFiles) => Promise<Certificate>
}

const LOOK_MS = 2_000
const HOUR_MS = 3_600_000
const KEPT = 'the gateway goes on with the one that it has'
const RENEW = 'put a new one there, with its key: it is taken within seconds'

/**
 * Reads the files every two seconds; changed ones go to the gateway when they can be used and hold now. What can't be used
 * is said when it is the same at two looks: of two files, one is written first.
 */
export function createCertificateKeeper(options: CertificateKeeperOptions): CertificateKeeper {
  return new FileCertificates(options)
}

class FileCertificates implements CertificateKeeper {
  readonly #options: CertificateKeeperOptions
  /** What the gateway has. */
  #held: readonly Certificate[] = []
  #problem: string | undefined
  #told = { message: '', atMs: 0 }

  constructor(options: CertificateKeeperOptions) {
    this.#options = options
  }

  async enter(hasSome: boolean): Promise<void> {
    if (this.#options.files.length === 0) return
    // After a crash, what it had: the files may have become worse since.
    if (this.#held.length === 0) {
      const found = await this.#read().catch((error: unknown) => {
        if (!hasSome) throw error
        return messageOf(error)
      })
      const problem = typeof found === 'string' ? found : hasSome ? this.#problemOf(found) : undefined
      if (problem !== undefined) return this.#tell('error', problem, KEPT)
      this.#held = found as readonly Certificate[]
    }
    await this.#options.hand(this.#held)
    this.#tellOfEnd()
  }

  async watch(signal: AbortSignal): Promise<void> {
    if (this.#options.files.length === 0) return
    for (;;) {
      const isOver = await sleep(this.#options.clock, LOOK_MS, signal).then(
        () => false,
        () => true,
      )
      if (isOver) return
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    const found = await this.#read().catch(messageOf)
    const problem = typeof found === 'string' ? found : this.#problemOf(found)
    const isLasting = problem === this.#problem
    this.#problem = problem
    if (problem !== undefined) {
      if (isLasting) this.#tell('error', problem, KEPT)
      return
    }
    const [next, { hand }] = [found as readonly Certificate[], this.#options]
    if (isDeepStrictEqual(next, this.#held)) return this.#tellOfEnd()
    // A gateway that is being started again gets it at the next look.
    const isHanded = await hand(next).then(
      () => true,
      () => false,
    )
    if (!isHanded) return
    this.#held = next
    this.#tell('info', `the gateway shows the new certificate of ${next.map(({ names }) => names).join(' and of ')}`)
  }

  #read(): Promise<readonly Certificate[]> {
    const { files, read = readCertificate } = this.#options
    return Promise.all(files.map((each) => read(each)))
  }

  /** One that does not hold now is no successor; where there is none yet, it is better than nothing. */
  #problemOf(found: readonly Certificate[]): string | undefined {
    if (isDeepStrictEqual(found, this.#held)) return undefined
    const nowMs = this.#options.clock.epochMs()
    for (const [index, { startsEpochMs, endsEpochMs }] of found.entries()) {
      if (startsEpochMs <= nowMs && nowMs < endsEpochMs) continue
      const when = nowMs < startsEpochMs ? `begins ${dayOf(startsEpochMs)}` : `ended ${dayOf(endsEpochMs)}`
      return `expected in ${this.#fileOf(index)} a certificate that holds now, got one that ${when}`
    }
    return undefined
  }

  #tellOfEnd(): void {
    const nowMs = this.#options.clock.epochMs()
    const [first] = [...this.#held.entries()].toSorted(([, a], [, b]) => a.endsEpochMs - b.endsEpochMs)
    if (first === undefined) return
    const [index, { endsEpochMs }] = first
    const message = `the certificate in ${this.#fileOf(index)}`
    if (endsEpochMs <= nowMs) this.#tell('error', `${message} ended ${dayOf(endsEpochMs)}`, RENEW)
    else if (endsSoon(endsEpochMs, nowMs)) this.#tell('warning', `${message} ends ${dayOf(endsEpochMs)}`, RENEW)
    else if (this.#told.message.startsWith('expected')) this.#tell('info', `${message} can be used again`)
  }

  #fileOf(index: number): string {
    return this.#options.files[index]!.certificate
  }

  /** The same again only after an hour: each time whoever watches the system is woken. */
  #tell(level: Notice['level'], message: string, hint?: string): void {
    const atMs = this.#options.clock.nowMs()
    if (message === this.#told.message && atMs - this.#told.atMs < HOUR_MS) return
    this.#told = { message, atMs }
    this.#options.onNotice({ level, message, about: 'certificate', ...(hint === undefined ? {} : { hint }) })
  }
}

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10)
}
