/** The group of every relay: what it has read of an outbox is in the log. */
export const RELAY_GROUP = 'tenfold.relay'
