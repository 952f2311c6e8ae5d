// What this tab keeps about a visit it has joined, so that a reload, or a phone that closed the page, comes back by itself, muted as it was. Gone with
// the tab, and with the visit. No name and nothing of the visit is in it.

/** Whether microphone and camera are meant to be on, and whether nothing but sound is. @typedef {{microphone: boolean, camera: boolean, sound: boolean}} Wanted */

const place = "housecall.joined";

/** @param {string} visit @param {Wanted} wanted */
export function keepPlace(visit, { microphone, camera, sound }) {
  sessionStorage.setItem(place, JSON.stringify({ visit, microphone, camera, sound }));
}

export function leavePlace() {
  sessionStorage.removeItem(place);
}

/** What was wanted in a visit that this tab had joined; null where it had not. @param {string} visit @returns {Wanted | null} */
export function placeIn(visit) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place) ?? "null");
    return kept?.visit === visit ? { microphone: kept.microphone === true, camera: kept.camera === true, sound: kept.sound === true } : null;
  } catch {
    return null;
  }
}
