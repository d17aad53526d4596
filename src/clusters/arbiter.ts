/**
 * Who may take writes. The arbiter looks at what is recorded and what is seen, and names one step; whoever drives it
 * takes the step, looks again, and asks again. It may be killed after any step: the record and the processes are all
 * that the next run needs.
 *
 * States. The record names the `primary`, its `term`, and the follower that is `synchronous`, if one is. A node's server
 * is `dead` (no process of it is seen, or it starts as a follower), `lost` (its postmaster has ended or was never looked
 * for, its back ends may write on), a `follower` that answers, or a `primary` (it takes writes). The primary's
 * configuration says whom COMMIT waits for.
 *
 * Invariants.
 * 1. At most one node takes writes. A node is promoted only while every other one is dead or a follower.
 * 2. Only the node that is recorded as the primary is promoted, and another one is recorded only if it was recorded as
 *    synchronous (or, in a switch-over, was seen to have the whole log of a primary that was shut down in order).
 * 3. As long as a node is recorded as synchronous, it has on its disk everything that the primary has acknowledged:
 *    COMMIT waits for it, and everything that did not wait for it is there.
 *    So it is recorded after it is waited for and has caught up, and the record ends before the waiting does, and
 *    before its data directory is replaced.
 * 4. A promotion begins a term, which is recorded before the promotion.
 * 5. What was shut down or died as a primary comes back as one only if the record still says so.
 */
export interface Observation {
  readonly primary: number
  readonly synchronous: number | undefined
  readonly wants: {
    /** Whether COMMIT is to wait for a follower. */
    readonly isSynchronous: boolean
    /** Whether writes wait where no follower can be waited for. */
    readonly isRequired: boolean
  }
  /** Whom COMMIT waits for on the primary. `any`: whichever confirms first. */
  readonly waitsFor: 'nobody' | 'any' | number
  readonly nodes: readonly ObservedNode[]
}

/** A node as it is seen. */
export interface ObservedNode {
  readonly id: number
  readonly server: 'dead' | 'lost' | 'follower' | 'primary'
  readonly zone?: string | undefined
  /** For how long it has not answered. */
  readonly silentMs: number
  /** Of a follower: whether it gets the log of the primary now. */
  readonly isStreaming: boolean
  /** Of a follower: for how long it has not confirmed what the primary had. */
  readonly behindMs: number
  /** Of a follower: whether so little is missing that waiting for it holds up nobody. */
  readonly isClose: boolean
  /** Of the follower that is waited for: whether everything that did not wait for it is on its disk. */
  readonly hasCaughtUp: boolean
}

/** One step. */
export type Decision =
  /** Nothing can be done now. `isWell`: nothing has to. */
  | { readonly step: 'none'; readonly isWell?: true; readonly reason: string }
  /** Kill a node and see it dead. */
  | { readonly step: 'fence'; readonly node: number; readonly reason: string }
  /** Record another primary, with a new term and without a synchronous follower. */
  | { readonly step: 'lead'; readonly node: number; readonly reason: string }
  /** Let the recorded primary take writes. */
  | { readonly step: 'promote'; readonly node: number; readonly reason: string }
  /** Start the recorded primary again, after a pause. */
  | { readonly step: 'restart'; readonly node: number; readonly reason: string }
  /** Have COMMIT wait. */
  | { readonly step: 'wait-for'; readonly node: number | 'any'; readonly reason: string }
  /** Have COMMIT wait no more. */
  | { readonly step: 'wait-for-nobody'; readonly reason: string }
  | { readonly step: 'record-synchronous'; readonly node: number; readonly reason: string }
  /** Record that nobody is synchronous. */
  | { readonly step: 'record-asynchronous'; readonly reason: string }

/** A primary that does not answer for so long is killed, if another one can take over. False alarms are worse than waiting. */
export const SILENT_MS_MAX = 5_000
/** A follower that confirms nothing for so long is not waited for any more. */
export const BEHIND_MS_MAX = 3_000

/** Names the next step. Pure. */
export function decide(seen: Observation): Decision {
  const others = seen.nodes.filter(({ id }) => id !== seen.primary)
  const usurper = others.find(({ server }) => server === 'primary')
  if (usurper !== undefined) {
    return { step: 'fence', node: usurper.id, reason: 'it takes writes, but another node is the primary' }
  }
  const primary = seen.nodes.find(({ id }) => id === seen.primary)
  const successor = others.find(({ id }) => id === seen.synchronous)
  switch (primary?.server) {
    case 'lost':
      return { step: 'fence', node: primary.id, reason: 'its server has ended' }
    case 'follower': {
      const lost = others.find(({ server }) => server === 'lost')
      if (lost !== undefined) return { step: 'fence', node: lost.id, reason: 'another node is about to take writes' }
      return { step: 'promote', node: primary.id, reason: 'it is recorded as the primary' }
    }
    case 'primary':
      if (primary.silentMs < SILENT_MS_MAX) return decideOnWaiting(seen, others)
      return decideOnSilence(primary, successor)
    case 'dead':
    case undefined:
      if (successor?.server === 'follower') {
        return { step: 'lead', node: successor.id, reason: 'the primary is dead, and it has all that was acknowledged' }
      }
      return { step: 'restart', node: seen.primary, reason: 'no other node may take over' }
  }
}

function decideOnSilence(primary: ObservedNode, successor: ObservedNode | undefined): Decision {
  const said = `it has not answered for ${Math.floor(primary.silentMs / 1_000)} s`
  if (successor?.server !== 'follower') return { step: 'none', reason: `${said}, and no other node may take over` }
  if (successor.silentMs > 0) return { step: 'none', reason: `${said}, but its standby does not answer either` }
  return { step: 'fence', node: primary.id, reason: said }
}

/** The primary is well. Whom does it wait for? */
function decideOnWaiting(seen: Observation, followers: readonly ObservedNode[]): Decision {
  const { waitsFor, wants } = seen
  if (!wants.isSynchronous) {
    if (seen.synchronous !== undefined) return { step: 'record-asynchronous', reason: 'nobody is to be waited for' }
    if (waitsFor !== 'nobody') return { step: 'wait-for-nobody', reason: 'nobody is to be waited for' }
    return { step: 'none', isWell: true, reason: 'the primary is well' }
  }
  if (seen.synchronous !== undefined) {
    const standby = followers.find(({ id }) => id === seen.synchronous)
    if (standby !== undefined && keepsUp(standby)) {
      return { step: 'none', isWell: true, reason: 'the standby keeps up' }
    }
    const reason = whyNot(standby)
    const mayChange = !wants.isRequired || followers.some(isCandidate)
    return mayChange ? { step: 'record-asynchronous', reason } : { step: 'none', reason }
  }
  const awaited = followers.find(({ id }) => id === waitsFor)
  if (awaited !== undefined && keepsUp(awaited)) {
    return awaited.hasCaughtUp
      ? { step: 'record-synchronous', node: awaited.id, reason: 'it has all that was acknowledged' }
      : { step: 'none', reason: 'it is catching up' }
  }
  const candidate = bestOf(
    followers.filter(isCandidate),
    seen.nodes.find(({ id }) => id === seen.primary),
  )
  if (candidate !== undefined) return { step: 'wait-for', node: candidate.id, reason: 'it keeps up' }
  if (!wants.isRequired && waitsFor !== 'nobody') return { step: 'wait-for-nobody', reason: whyNot(awaited) }
  if (wants.isRequired && waitsFor !== 'any') return { step: 'wait-for', node: 'any', reason: whyNot(awaited) }
  return { step: 'none', reason: 'no follower keeps up' }
}

function keepsUp({ server, isStreaming, behindMs }: ObservedNode): boolean {
  return server === 'follower' && isStreaming && behindMs < BEHIND_MS_MAX
}

function isCandidate(node: ObservedNode): boolean {
  return keepsUp(node) && node.isClose
}

/** In another zone than the primary if there is one, so that they do not die together. */
function bestOf(candidates: readonly ObservedNode[], primary: ObservedNode | undefined): ObservedNode | undefined {
  return candidates.find(({ zone }) => zone !== primary?.zone) ?? candidates[0]
}

function whyNot(standby: ObservedNode | undefined): string {
  if (standby === undefined) return 'the standby is gone'
  if (standby.server !== 'follower') return 'the standby does not run'
  if (!standby.isStreaming) return 'the standby does not get the log'
  return `the standby has confirmed nothing for ${Math.floor(standby.behindMs / 1_000)} s`
}
