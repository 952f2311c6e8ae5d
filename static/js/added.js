// What the server says of files that it has, and what that means for their rows. Pure: asking is the page's.

/** How the server says it. @typedef {{id: string, state: string, about: string, says: string}} Told */

/** What came back of a request; null: no answer. @typedef {{status: number, redirected: boolean} | null} Reply */

/** `out`: who asks has to sign in first; `later`: the server could not be asked, or could not say. @typedef {"done" | "gone" | "out" | "later"} Meaning */

/** A row, as far as it matters here; `asked`: it was there when the server was asked. @typedef {{id: string, state: string, asked: boolean}} Row */

/** States that the server may change; `unsure`: nobody is signed in who could ask. */
const open = ["coming", "scanning", "unsure"];
/** States that keep a summary back by nothing. */
const settled = ["given", "clean", "refused", "gone"];
/** States of files that do not go along. */
const lost = ["refused", "gone"];

/** @param {string} state */
export const isOpen = (state) => open.includes(state);
/** @param {string} state */
export const isSettled = (state) => settled.includes(state);
/** @param {string} state */
export const isLost = (state) => lost.includes(state);

/** What an answer means. Who is signed out is led to the page to sign in. @param {Reply} reply @returns {Meaning} */
export function meaning(reply) {
  if (!reply || reply.status === 429 || reply.status >= 500) return "later";
  if (reply.redirected || reply.status === 401) return "out";
  if (reply.status === 404 || reply.status === 410) return "gone";
  return reply.status < 300 ? "done" : "later";
}

/**
 * What has become of rows, by what the server tells of all its files.
 * @param {Row[]} rows
 * @param {Meaning} answer
 * @param {Told[]} told with "done"
 * @returns {{changes: {id: string, state: string, told: Told | null}[], more: boolean}} more: there are files that no row is of
 */
export function news(rows, answer, told) {
  /** @type {{id: string, state: string, told: Told | null}[]} */
  const changes = [];
  if (answer === "later") return { changes, more: false };
  const all = new Map((answer === "done" ? told : []).map((each) => [each.id, each]));
  for (const { id, state, asked } of rows) {
    if (!isOpen(state) || !asked) continue; // an answer may be older than a file that was sent meanwhile
    const now = all.get(id) ?? null;
    // What is not all here stays what it is: only signing in tells more of it.
    const next = answer === "out" ? (state === "scanning" ? "unsure" : state) : (now?.state ?? "gone");
    if (next !== state) changes.push({ id, state: next, told: now });
  }
  // What has only begun may be this page's own, whose answer was lost.
  const more = [...all.values()].some((each) => each.state !== "coming" && !rows.some(({ id }) => id === each.id));
  return { changes, more };
}
