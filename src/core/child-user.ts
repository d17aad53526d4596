/** The unprivileged account that children run as when we are root. */
export interface ChildUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}
