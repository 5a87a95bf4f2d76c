// How instants are written for people: always in UTC, as the log and the files have them.
/** 2026-01-31T12:00Z */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`
