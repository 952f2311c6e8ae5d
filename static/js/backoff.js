// How long to wait before trying again. Pure.

/** Milliseconds before the nth try again (0 is the first), without chance: at once at first, then doubling to a ceiling. */
const steps = [150, 500, 1000, 2000, 4000];

/**
 * The wait before the nth try again, spread between half and the whole of the step, so that a thousand browsers that lost the same
 * server do not come back in one moment.
 * @param {number} attempt 0 for the first
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  const step = steps[Math.min(attempt, steps.length - 1)];
  return Math.round(step / 2 + (step / 2) * random);
}
