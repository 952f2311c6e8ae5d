// What the page's own address says. Pure.

/** A code as it stands after the # of a link: 128 bits, base64url. */
const codeShape = /^[A-Za-z0-9_-]{16,64}$/;

/**
 * The code of a link.
 * @param {string} hash with its #
 * @returns {{kind: "none"} | {kind: "code", code: string} | {kind: "garbled"}}
 */
export function codeIn(hash) {
  let code = hash.replace(/^#/, "");
  try {
    code = decodeURIComponent(code);
  } catch {
    // keep it as it is: it has not the shape of a code either way
  }
  // Messengers like to take a full stop, a bracket, a space or an unseen sign along.
  code = code.trim().replace(/[.,;:!?)\]>'"»\u2066-\u2069\u200e\u200f]+$/, "");
  if (code === "") return { kind: "none" };
  return codeShape.test(code) ? { kind: "code", code } : { kind: "garbled" };
}

/**
 * The visit's own path in an address, "/v/ID/".
 * @param {string} pathname
 * @returns {string | undefined}
 */
export function visitPathIn(pathname) {
  return /^\/v\/[A-Za-z0-9_-]{1,64}\/$/.exec(pathname)?.[0];
}
