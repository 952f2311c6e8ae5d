// A short pleasant sound, to try the speaker with. Made on the spot: nothing is loaded, and nothing is played that was not asked for.

/** Three notes of a chord, as on a small bell: when each begins (seconds) and its pitch (hertz). */
const notes = [[0, 523.25], [0.18, 659.25], [0.36, 783.99]];
/** How long a note takes to die away (seconds). */
const ring = 1.1;
/** Loud enough for a noisy kitchen, soft enough for a headset. */
const loudness = 0.28;

/**
 * Plays the sound once, in a tap.
 * @param {string} speaker the chosen one, "" for the browser's choice
 * @returns {Promise<boolean>} whether it was played, as far as the browser can tell
 */
export async function chime(speaker) {
  if (typeof AudioContext === "undefined") return false;
  const context = new AudioContext();
  try {
    // Only some browsers let a page choose; in the others there was nothing to choose.
    if (speaker && "setSinkId" in context) await /** @type {any} */ (context).setSinkId(speaker).catch(() => undefined);
    await within(context.resume(), 2000);
    const start = context.currentTime + 0.05;
    for (const [after, pitch] of notes) strike(context, start + after, pitch);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (0.05 + (notes.at(-1)?.[0] ?? 0) + ring)));
    return context.currentTime > start;
  } catch {
    return false;
  } finally {
    void context.close().catch(() => undefined);
  }
}

/** One note and its octave, which makes it a bell. @param {AudioContext} context @param {number} at @param {number} pitch */
function strike(context, at, pitch) {
  for (const [times, share] of [[1, 1], [2, 0.25]]) {
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    tone.frequency.value = pitch * times;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(loudness * share, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + ring);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + ring);
  }
}

/** A browser that may not play leaves its promise open for ever. @param {Promise<void>} promise @param {number} ms */
function within(promise, ms) {
  return Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error("no sound in time")), ms))]);
}
