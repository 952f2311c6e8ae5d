// Whose picture stands where: a shared screen first, then who signs beside who speaks, then everybody in the order they came. Pure.

/** @import {DataUse} from "./encodings.js" */
/** @import {Member} from "./protocol.js" */

/** One picture of somebody else. @typedef {{key: string, member: Member, source: "camera" | "screen"}} Item */
/** @typedef {{items: Item[], large: number, screen: boolean}} Arranged the first `large` items are shown large; `screen`: the first is a screen */

/**
 * @param {Member[]} others those in the visit
 * @param {string} speaker who spoke last, "" for nobody yet
 * @param {string} pinned whom the person chose to see large, "" for nobody
 * @param {DataUse} [data] how much of the line the visit may use, and so what pictures come
 * @returns {Arranged}
 */
export function arrange(others, speaker, pinned, data = "full") {
  const sharer = data === "audio" ? undefined : others.find((each) => each.media.screen);
  const chosen = others.find((each) => each.id === pinned);
  // Hands that nobody can see say nothing.
  const signers = data === "audio" ? [] : others.filter((each) => each.signing && each.media.camera);
  const speaks = others.find((each) => each.id === speaker && !signers.includes(each)) ?? others.find((each) => !signers.includes(each));
  /** @type {(Member | undefined)[]} */
  let faces = [];
  if (sharer) faces = [chosen ?? signers[0]];
  else if (signers.length > 0) faces = [signers[0], chosen && chosen !== signers[0] ? chosen : (signers[1] ?? speaks)];
  else if (chosen) faces = [chosen];
  else if (data === "low") faces = [speaks];
  const large = faces.filter((each) => each !== undefined);
  const rest = others.filter((each) => !large.includes(each));
  /** @type {Item[]} */
  const items = [...large, ...rest].map((member) => ({ key: member.id, member, source: "camera" }));
  if (sharer) items.unshift({ key: `${sharer.id} screen`, member: sharer, source: "screen" });
  return { items, large: large.length + (sharer ? 1 : 0), screen: sharer !== undefined };
}

/** The picture to show where there is room for one: a screen, who signs, who was chosen, who speaks. @param {Arranged} arranged @param {string} speaker */
export function mainOf({ items, large }, speaker) {
  return large > 0 ? items[0] : (items.find((each) => each.member.id === speaker) ?? items[0]);
}
