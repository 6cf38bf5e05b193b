/**
 * The shapes of what the server sends; `board/entries.py` and `board/state.py` make them.
 * Times are seconds since 1970, null if not reached yet.
 * @module
 */

/**
 * A task.
 * @typedef {object} Task
 * @property {string} ns
 * @property {string} name
 * @property {string} id Of the migration in DCS.
 * @property {string} state One of the states of `About`.
 * @property {string} phase The status that DCS reports.
 * @property {number | null} lag
 * @property {number | null} lagAt
 * @property {string} wave Empty if it has none.
 * @property {string} title Its name in DCS.
 * @property {string} reason
 * @property {string} message
 * @property {number | null} due When its cutover times out.
 * @property {string} v The version of the resource.
 * @property {number[]} lags Alternating times and lags, the oldest first.
 */

/**
 * A wave; `counts` are the operator's.
 * @typedef {object} Wave
 * @property {string} ns
 * @property {string} name
 * @property {string} uid
 * @property {string} state Hold or Go.
 * @property {string} reason
 * @property {string} message
 * @property {boolean} stalled
 * @property {boolean} current Whether the status describes the latest spec.
 * @property {number | null} notBefore
 * @property {number | null} notAfter
 * @property {number | null} openedAt
 * @property {number | null} completedAt
 * @property {Record<string, number>} counts
 */

/**
 * @typedef {object} Project
 * @property {string} ns
 * @property {string} name
 * @property {string} region
 * @property {string} endpoint
 * @property {string} projectId
 * @property {boolean} suspended
 * @property {string} ready
 * @property {string} reason
 * @property {string} message
 */

/**
 * The health of the watch of a kind.
 * @typedef {object} Link
 * @property {"listing" | "live" | "lost" | "refused"} word
 * @property {number} since When the data was last known to be current.
 * @property {number} code HTTP status of a refusal, else 0.
 * @property {string} why
 */

/** @typedef {"migrationtasks" | "migrationwaves" | "dcsprojects"} Plural */

/**
 * The complete known state.
 * @typedef {object} Snapshot
 * @property {number} now
 * @property {Task[]} migrationtasks
 * @property {Wave[]} migrationwaves
 * @property {Project[]} dcsprojects
 * @property {number[][]} nights Each a time, then a count for each state.
 * @property {Record<Plural, Link>} links
 * @property {string} namespace Empty, `missing` or `terminating`.
 * @property {string} recording Why nothing is being recorded; empty if it is.
 */

/**
 * What changed; tasks come without `lags`, which the page keeps itself.
 * @typedef {object} Changes
 * @property {number} now
 * @property {Task[]} [migrationtasks]
 * @property {string[]} [migrationtasksGone]
 * @property {Wave[]} [migrationwaves]
 * @property {string[]} [migrationwavesGone]
 * @property {Project[]} [dcsprojects]
 * @property {string[]} [dcsprojectsGone]
 * @property {number[]} [night] The last point; it replaces one of the same time.
 * @property {Record<Plural, Link>} [links]
 * @property {string} [namespace]
 * @property {string} [recording]
 */

/**
 * What the page needs first.
 * @typedef {object} About
 * @property {{namespace: string | null, labels: string, host: string, context: string}} scope
 * @property {string[]} states In the order of the counts.
 * @property {boolean} actions
 * @property {string} recording The name of the file; empty if nothing is recorded.
 * @property {{name: string, begin: number, end: number, skipped: number} | null} playback
 * @property {string} token
 */

/**
 * @typedef {object} Condition
 * @property {string} type
 * @property {string} status
 * @property {string} reason
 * @property {string} message
 * @property {number | null} at
 */

/**
 * The details of an opened row.
 * @typedef {object} Details
 * @property {Task} entry
 * @property {string} taskId
 * @property {string} method
 * @property {string} source
 * @property {string} target
 * @property {string} message
 * @property {Condition[]} conditions
 * @property {{what: string, at: number}[]} timeline
 * @property {number | null} fullProgress
 * @property {number | null} sourceKeys
 * @property {number | null} targetKeys
 * @property {number | null} caughtUpSince
 * @property {number | null} timesOutAt
 * @property {number | null} lagAtOrder
 * @property {number} orders
 * @property {string} requestId
 * @property {{code: string, message: string, requestId: string, at: number | null} | null} lastError
 * @property {string} projectName
 * @property {Project | null} project
 * @property {string[]} commands
 */

/**
 * What the user is looking for.
 * @typedef {object} Filter
 * @property {string[]} states Empty for all.
 * @property {string} wave Its key; empty for all.
 * @property {string} text
 */

export {};
