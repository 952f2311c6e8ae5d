// How long to wait before trying again. Pure.

/** Milliseconds before the nth try again (0 is the first), without chance: at once at first, then doubling to a ceiling. */
const steps = [150, 500, 1000, 2000, 4000];

/** The same while the media may still be playing and the server holds our place for us. */
const soonSteps = [50, 150, 300, 600, 1000];

/** A connection lost for less is worth trying often: another server may take over at any moment (milliseconds). */
export const urgentFor = 10_000;

/**
 * The wait before the nth try within that time: at once, then a quarter to half a second.
 * @param {number} attempt 0 for the first
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds
 */
export function urgent(attempt, random) {
  return Math.round(attempt === 0 ? 50 * random : 250 + 250 * random);
}

/**
 * The wait before the nth try again, spread between half and the whole of the step, so that a thousand browsers that lost the same
 * server do not come back in one moment.
 * @param {number} attempt 0 for the first
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  return spread(steps, attempt, random);
}

/**
 * The wait before the nth try to take up a connection whose place is held.
 * @param {number} attempt 0 for the first
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds, 1000 at most
 */
export function soon(attempt, random) {
  return spread(soonSteps, attempt, random);
}

/** @param {number[]} waits @param {number} attempt @param {number} random */
function spread(waits, attempt, random) {
  const step = waits[Math.min(attempt, waits.length - 1)];
  return Math.round(step / 2 + (step / 2) * random);
}
