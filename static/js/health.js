// Tells from counters whether anything still arrives. Browsers notice a dead network after seven seconds; people should be told within three.
// Pure: samples and their times come in from outside.

/** With media on its way, silence this long means that the network is gone (milliseconds). Reports come every second even from quiet peers. */
export const silentLimit = 2200;

/** With nothing on its way only checks of the connection arrive, every few seconds (milliseconds). */
export const idleLimit = 9000;

/** Follows one ever-rising counter of what has arrived. */
export class Silence {
  /** @param {number} now milliseconds */
  constructor(now) {
    this.count = -1;
    this.since = now;
  }

  /**
   * Takes a sample; says whether the silence has become too long.
   * @param {number} count all that ever arrived
   * @param {boolean} expecting whether media should be arriving
   * @param {number} now milliseconds
   * @returns {boolean}
   */
  sample(count, expecting, now) {
    if (count !== this.count || !expecting !== !this.expecting) {
      this.count = count;
      this.expecting = expecting;
      this.since = now;
      return false;
    }
    return now - this.since >= (expecting ? silentLimit : idleLimit);
  }
}
