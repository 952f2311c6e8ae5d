// The few HTTPS calls of docs/protocol.md, sections 1 and 2. Every call gives an answer, never throws for what the server or the network
// does. Touches no DOM.

import { relaysIn } from "./relays.js";

/** @import {PassReply} from "./connection.js" */
/** @import {Relay} from "./relays.js" */

/** The visit as this person may see it. `language`: the invitation's, "" where none is known; `phone`: the site's number of last resort, "" for
 * none; `early`: it has not opened, and this is for a device check alone; `patient_age`: in whole years, for clinicians alone.
 * @typedef {{visit: string, path: string, site: string, service: string, starts_at: string, ends_at: string, you: {name: string, role: string},
 *   language?: string, phone?: string, consent_needed?: boolean, early?: boolean, patient_age?: number}} VisitSeen */

/** `later`: try again after so many milliseconds (0: not said); `skew`: the server's clock minus ours, milliseconds.
 * @typedef {{kind: "visit", visit: VisitSeen}
 *   | {kind: "birth_date_needed" | "locked" | "over" | "revoked" | "not_found" | "not_valid"}
 *   | {kind: "birth_date_wrong", triesLeft: number}
 *   | {kind: "too_early", opensAt: string, startsAt: string, skew: number}
 *   | {kind: "later", after: number}} Redeemed */

/** No answer by then is none (milliseconds). */
const limit = 15_000;

/**
 * @param {string} path
 * @param {RequestInit} init
 * @returns {Promise<{status: number, body: any, headers: Headers} | null>} null: no answer
 */
async function call(path, init) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), limit);
  try {
    const response = await fetch(path, {
      ...init,
      credentials: "same-origin",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: abort.signal,
    });
    const body = await response.json().catch(() => ({}));
    return { status: response.status, body: body ?? {}, headers: response.headers };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Headers} headers @returns {number} milliseconds */
function retryAfter(headers) {
  const seconds = Number(headers.get("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 300) * 1000 : 0;
}

/**
 * What a reply of join or session means.
 * @param {{status: number, body: any, headers: Headers} | null} reply
 * @param {number} now milliseconds, our clock
 * @returns {Redeemed}
 */
export function readRedeemed(reply, now) {
  if (!reply) return { kind: "later", after: 0 };
  const { status, body, headers } = reply;
  if (status === 200) return { kind: "visit", visit: body };
  switch (body.code) {
    case "birth_date_needed":
    case "locked":
    case "over":
    case "revoked":
    case "not_found":
    case "not_valid":
      return { kind: body.code };
    case "birth_date_wrong":
      return { kind: body.code, triesLeft: Number(body.tries_left) || 0 };
    case "too_early": {
      const date = Date.parse(headers.get("Date") ?? "");
      const skew = Number.isNaN(date) ? 0 : date - now;
      return { kind: body.code, opensAt: String(body.opens_at), startsAt: String(body.starts_at), skew };
    }
  }
  if (status === 404) return { kind: "not_found" };
  return { kind: "later", after: retryAfter(headers) };
}

/**
 * Redeems a link.
 * @param {string} code
 * @param {string} [birthDate] YYYY-MM-DD
 * @param {boolean} [check] for a device check, which may be made before the visit opens
 * @returns {Promise<Redeemed>}
 */
export async function redeem(code, birthDate, check) {
  const reply = await call("/api/v1/join", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code, ...(birthDate && { birth_date: birthDate }), ...(check && { check }) }),
  });
  return readRedeemed(reply, Date.now());
}

/** Who runs this server, for whoever holds no link that works. @returns {Promise<{name: string, phone: string}>} both "" while it can't be told */
export async function site() {
  const reply = await call("/api/v1/site", { method: "GET" });
  return { name: reply?.body.name ?? "", phone: reply?.body.phone ?? "" };
}

/** The session this browser already has. @param {string} path "/v/ID/" @returns {Promise<Redeemed>} */
export async function session(path) {
  return readRedeemed(await call(`${path}session`, { method: "GET" }), Date.now());
}

/** @param {string} path "/v/ID/" @returns {Promise<PassReply>} */
export async function pass(path) {
  const reply = await call(`${path}pass`, { method: "POST" });
  if (!reply) return { kind: "later", after: 0 };
  if (reply.status === 200) return { kind: "pass", pass: reply.body.pass, slots: reply.body.slots, relays: relaysIn(reply.body.ice) };
  switch (reply.body.code) {
    case "over":
    case "revoked":
    case "too_early":
    case "consent_needed":
      return { kind: reply.body.code };
  }
  if (reply.status === 401 || reply.status === 404) return { kind: "gone" };
  // A server that is away may be another in a moment, so that how long to wait is ours to say.
  return { kind: "later", after: reply.status === 429 ? retryAfter(reply.headers) : 0 };
}

/**
 * What opens the relays, and a name of the network that we are on, the same each time.
 * @param {string} path "/v/ID/"
 * @returns {Promise<{relays: Relay[], network: string} | null>} null: not now
 */
export async function relays(path) {
  const reply = await call(`${path}ice`, { method: "GET" });
  return reply?.status === 200 ? { relays: relaysIn(reply.body.ice), network: String(reply.body.network ?? "") } : null;
}

/** What somebody is asked to agree to; `whom`: the answers there are, "self" and "patient".
 * @typedef {{version: string, language: string, text: string, whom: string[]}} ConsentText */

/**
 * The text the site asks people to agree to.
 * @param {string} path "/v/ID/"
 * @param {string} language the reader's
 * @returns {Promise<{kind: "text", text: ConsentText} | {kind: "none"} | {kind: "later", after: number}>} none: this person is asked nothing
 */
export async function consentText(path, language) {
  const reply = await call(`${path}consent?language=${encodeURIComponent(language)}`, { method: "GET" });
  if (reply?.status === 200) return { kind: "text", text: reply.body };
  // A session that is over says so at the next step.
  if (reply && reply.status < 500 && reply.status !== 429) return { kind: "none" };
  return { kind: "later", after: reply ? retryAfter(reply.headers) : 0 };
}

/**
 * Agrees.
 * @param {string} path "/v/ID/"
 * @param {{version: string, language: string, for: string}} given
 * @returns {Promise<"given" | "conflict" | "away" | "over" | "revoked" | "gone">} conflict: the text has changed
 */
export async function giveConsent(path, given) {
  const reply = await call(`${path}consent`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(given),
  });
  if (!reply) return "away";
  const { status, body } = reply;
  if (status < 300) return "given";
  if (body.code === "conflict" || body.code === "over" || body.code === "revoked") return body.code;
  return status === 401 || status === 404 ? "gone" : "away";
}

/**
 * Begins a test of the connection to the media port.
 * @param {string} path "/v/ID/"
 * @param {import("./negotiation.js").Offered} offered
 * @returns {Promise<{id: string, answer: string} | null>} null: not now
 */
export async function beginCheck(path, offered) {
  const reply = await call(`${path}check`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(offered),
  });
  return reply?.status === 200 ? reply.body : null;
}

/** Ends a test; the server does so by itself soon. @param {string} path "/v/ID/" @param {string} id */
export async function endCheck(path, id) {
  await call(`${path}check/${id}`, { method: "DELETE", keepalive: true });
}

/** @param {Awaited<ReturnType<typeof call>>} reply @returns {number | null} */
const minutesIn = (reply) => (reply?.status === 200 ? Number(reply.body.minutes) || 0 : null);

/** How many minutes late the visit begins. @param {string} path "/v/ID/" @returns {Promise<number | null>} null: not now */
export async function late(path) {
  return minutesIn(await call(`${path}late`, { method: "GET" }));
}

/** The same, before the link is redeemed. @param {string} code @returns {Promise<number | null>} */
export async function lateOf(code) {
  return minutesIn(await call("/api/v1/late", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code }) }));
}

/**
 * Tells the hospital how a device check before the visit went.
 * @param {string} path "/v/ID/"
 * @param {import("./protocol.js").Checked & {unsupported?: boolean}} check `unsupported`: this browser can't show a visit
 * @returns {Promise<boolean>} whether it is kept
 */
export async function reportCheck(path, check) {
  const body = JSON.stringify({ unsupported: false, ...check });
  const reply = await call(`${path}device-check`, { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true });
  return reply?.status === 204;
}

/** @typedef {{kind: "invited", link: string} | {kind: "refused" | "later"}} Invited */

/**
 * Invites another person to the visit that is going on.
 * @param {string} path "/v/ID/"
 * @param {{name: string, role: string, language: string}} who `language`: "" where it is not known
 * @returns {Promise<Invited>}
 */
export async function invite(path, who) {
  const reply = await call(`${path}invitations`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(who) });
  if (reply?.status === 201) return { kind: "invited", link: String(reply.body.link) };
  return { kind: reply && reply.status < 500 && reply.status !== 429 ? "refused" : "later" };
}

/** A page that goes has its last words sent nevertheless, up to so many bytes (https://fetch.spec.whatwg.org/#http-network-or-cache-fetch). */
const sentWhenGone = 60_000;

/**
 * The clinician's own note of a visit.
 * @param {string} path of the note
 * @returns {Promise<import("./note.js").Kept | null>} null: not now
 */
export async function readNote(path) {
  const reply = await call(path, { method: "GET" });
  return reply?.status === 200 ? keptNote(reply.body) : null;
}

/**
 * Saves it.
 * @param {string} path of the note
 * @param {import("./note.js").Write} write
 * @returns {Promise<import("./note.js").Answer>}
 */
export async function saveNote(path, write) {
  const body = JSON.stringify(write);
  const keepalive = new Blob([body]).size < sentWhenGone;
  const reply = await call(path, { method: "PUT", headers: { "Content-Type": "application/json" }, body, keepalive });
  if (!reply || reply.status >= 500 || reply.status === 429) return { kind: "later" };
  if (reply.status === 200) return { kind: "saved", revision: Number(reply.body.revision), at: String(reply.body.saved_at) };
  if (reply.status === 409 && reply.body.note) return { kind: "changed", note: keptNote(reply.body.note) };
  return reply.status === 401 ? { kind: "out" } : { kind: "refused" };
}

/** @param {any} body @returns {import("./note.js").Kept} */
function keptNote({ revision, text, saved_at, signed }) {
  return { revision: Number(revision), text: String(text ?? ""), at: String(saved_at ?? ""), signed: signed === true };
}
