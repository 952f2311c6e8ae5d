// How much of a picture is sent: by what the person's line is to carry and by how many look. Pure arithmetic.

/** How much of the line the visit may use: all it needs; little; no video at all. @typedef {"full" | "low" | "audio"} DataUse */
/** @typedef {{maxBitrate: number, maxFramerate: number, scaleResolutionDownBy: number}} Encoding bits a second, pictures a second */

/** What a camera may send at most. */
const full = { maxBitrate: 1_500_000, maxFramerate: 30 };
/** Where many look at many, or beside my screen: a quarter of the pixels at this rate. */
const crowded = { maxBitrate: 500_000, maxFramerate: 30 };
const crowdFrom = 4;
/** Where little of the line may be used: no more pixels than this, upright or not. */
const low = { maxBitrate: 120_000, maxFramerate: 12 };
const lowLong = 320;
const lowShort = 180;

/** A screen is read: few pictures, each sharp. @type {Encoding} */
export const screenEncoding = { maxBitrate: 2_500_000, maxFramerate: 15, scaleResolutionDownBy: 1 };

/**
 * What my camera sends.
 * @param {{data: DataUse, people: number, sharing: boolean}} visit people: in the visit, me too; sharing: my screen is shown beside it
 * @param {{width?: number, height?: number}} camera pixels, as far as they are known
 * @returns {Encoding}
 */
export function cameraEncoding({ data, people, sharing }, { width = 1280, height = 720 }) {
  if (data === "full") {
    return people >= crowdFrom || sharing ? { ...crowded, scaleResolutionDownBy: 2 } : { ...full, scaleResolutionDownBy: 1 };
  }
  const scale = Math.max(1, Math.max(width, height) / lowLong, Math.min(width, height) / lowShort);
  return { ...low, scaleResolutionDownBy: scale };
}
