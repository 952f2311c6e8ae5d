// The few HTTPS calls of docs/protocol.md, sections 1 and 2. Every call gives an answer, never throws for what the server or the network
// does. Touches no DOM.

/** @import {PassReply} from "./session.js" */

/** The visit as this person may see it. `language`: the invitation's, "" where none is known; `phone`: the site's number of last resort, "" for
 * none; `patient_age`: in whole years, for clinicians alone.
 * @typedef {{visit: string, path: string, site: string, service: string, starts_at: string, ends_at: string, you: {name: string, role: string},
 *   language?: string, phone?: string, consent_needed?: boolean, patient_age?: number}} VisitSeen */

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

/** Redeems a link. @param {string} code @param {string} [birthDate] YYYY-MM-DD @returns {Promise<Redeemed>} */
export async function redeem(code, birthDate) {
  const reply = await call("/api/v1/join", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(birthDate ? { code, birth_date: birthDate } : { code }),
  });
  return readRedeemed(reply, Date.now());
}

/** The session this browser already has. @param {string} path "/v/ID/" @returns {Promise<Redeemed>} */
export async function session(path) {
  return readRedeemed(await call(`${path}session`, { method: "GET" }), Date.now());
}

/** @param {string} path "/v/ID/" @returns {Promise<PassReply>} */
export async function pass(path) {
  const reply = await call(`${path}pass`, { method: "POST" });
  if (!reply) return { kind: "later", after: 0 };
  if (reply.status === 200) return { kind: "pass", pass: reply.body.pass, slots: reply.body.slots };
  switch (reply.body.code) {
    case "over":
    case "revoked":
    case "too_early":
      return { kind: reply.body.code };
  }
  if (reply.status === 401 || reply.status === 404) return { kind: "gone" };
  return { kind: "later", after: retryAfter(reply.headers) };
}
