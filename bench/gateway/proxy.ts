/** A proxy that is measured: one process, or a few, in front of one server. */
export interface Proxy {
  readonly name: string
  /** What is done if it is not there. */
  readonly absence: string
  /** Undefined: it is not installed here. */
  version(signal: AbortSignal): Promise<string | undefined>
  /** Starts it in front of 127.0.0.1:`upstream`; dies with the signal. It may not listen yet. */
  start(options: ProxyStart): Promise<RunningProxy>
}

export interface ProxyStart {
  readonly upstream: number
  /** Its own, for what it has to write. */
  readonly directory: string
  readonly signal: AbortSignal
}

export interface RunningProxy {
  readonly port: number
  /** Its first process; those that this one has started count too. */
  readonly pid: number
  stop(): Promise<void>
}
