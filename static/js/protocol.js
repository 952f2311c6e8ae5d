// The wire contract of docs/protocol.md, sections 1 and 3: what the server says is checked and given a type here, and nothing else of the page
// ever looks at raw JSON. Holds no state, touches no DOM.

/** @typedef {"waiting" | "visit"} Place */
/** @typedef {"" | "private" | "returned"} Why why somebody waits: for private time, moved back by a clinician, or as everybody does */
/** @typedef {"microphone" | "camera" | "screen" | "screen_audio"} Source */
/** @typedef {{microphone: boolean, camera: boolean, screen: boolean}} Media what somebody sends; `screen` is its sound, too */
/** @typedef {"" | "good" | "weak" | "bad"} Quality how somebody's line does; "" while that is not known */
/** @typedef {"nobody" | "somebody" | "signal"} Hearing the patient's answer to "can anyone hear you?" */
/** @typedef {"all" | "one" | "none"} View what video I want: everything, one picture, nothing */
/** @typedef {"ok" | "fault" | "unknown"} Works */
/** Result of the device check; numbers are whole, -1 where unknown.
 * @typedef {{camera: Works, microphone: Works, speaker: Works, rtt_ms: number, loss_pct: number,
 *   network: "ok" | "poor" | "blocked" | "unknown", browser: string}} Checked */
/** @typedef {{id: string, name: string}} Author */
/** @typedef {{id: string, name: string, role: string}} Person */
/** `away`: the connection is lost and expected back; `lead`: leads the visit; `signing`: an interpreter who signs; `device`: waits on another
 * device of somebody who is in the visit; `hearing`: told to clinicians in private time only; `check`: of who waits, for those who see that.
 * @typedef {{id: string, name: string, role: string, place: Place, since: string, media: Media, line: Quality, away: boolean, lead: boolean,
 *   signing: boolean, device: boolean, hearing: "" | Hearing, check?: Checked}} Member */
/** @typedef {{id: string, from: Author, text: string, at: string}} Line one line of chat; `at` is RFC 3339 */
/** @typedef {{id: string, text: string, ready: string, at: string}} Note what somebody who waits was told, in the sender's words; `ready` names words of the
 * catalogue that stand for them, "" for none. Nobody's name is with it */
/** @typedef {{mid: string, member: string, source: Source}} SlotEntry */

/** What a place looks like. `private` and `started` are RFC 3339, or "": private time is off, nobody was admitted yet.
 * @typedef {{place: Place, why: Why, since: string, may: string[], members: Member[], chat: Line[], told: Note[], private: string,
 *   started: string, signing: boolean}} Position signing: I, an interpreter, sign */
/** @typedef {Position & {type: "joined", you: Person, token: string, answer: string}} Joined */
/** @typedef {Position & {type: "resumed", you: Person, token: string}} Resumed */
/** @typedef {Position & {type: "place"}} Placed */
/** @typedef {{type: "moved"}} Moved the visit goes on at another server */
/** @typedef {{type: "answer", answer: string}} Answer */
/** @typedef {{type: "need", audio: number, video: number}} Need */
/** @typedef {{type: "slots", slots: SlotEntry[]}} Slots */
/** @typedef {{type: "member", member: Member}} MemberChanged */
/** @typedef {{type: "left", member: string}} Left */
/** @typedef {{type: "chat", id: string, from: Author, text: string, at: string}} Chat */
/** @typedef {{type: "told", id: string, member: string, text: string, ready: string, at: string}} Told to me, who waits; or by me, acknowledged */
/** @typedef {{type: "private", since: string}} Private */
/** @typedef {{type: "signing", on: boolean}} Signing whether I, an interpreter, sign */
/** @typedef {{type: "media", media: Media}} MediaChanged by the room */
/** @typedef {{type: "speaking", members: string[]}} Speaking */
/** `asked`: the type of what was refused; `about`: the id of its words, or of its member.
 * @typedef {{type: "error", code: string, message: string, asked: string, about: string}} Refusal */
/** @typedef {Joined | Resumed | Placed | Moved | Answer | Need | Slots | MemberChanged | Left | Chat | Told | Private | Signing | MediaChanged | Speaking
 *   | Refusal} ServerMessage */

/** @typedef {Record<string, Source>} Sources by mid */
/** @typedef {{type: "join", pass: string, offer: string, sources: Sources, media: Media}} Join */
/** @typedef {{type: "offer", offer: string, sources: Sources}} Offer */
/** @typedef {{type: "admit" | "return" | "decline" | "remove" | "lead", member: string}} AboutMember */
/** @typedef {Join | Offer | AboutMember | {type: "resume", token: string} | {type: "media", media: Media} | {type: "chat", id: string, text: string, private: boolean}
 *   | {type: "tell", id: string, member: string, text: string, ready: string} | {type: "private", on: boolean} | {type: "hearing", answer: Hearing}
 *   | {type: "sign", member: string, on: boolean} | {type: "view", video: View} | {type: "line", line: "good" | "weak" | "bad"}
 *   | {type: "check", check: Checked} | {type: "end"} | {type: "bye"}} ClientMessage */

/** The websocket's subprotocol. */
export const subprotocol = "housecall.v1";

/** The longest text of one chat message, in characters as the server counts them (code points). */
export const longestText = 2000;

/** The longest text told to somebody who waits, in code points. */
export const longestNote = 500;

/** A message that is not as docs/protocol.md says. */
export class ProtocolError extends Error {}

/** @typedef {(value: unknown, where: string) => any} Shape */

/** @type {Shape} */
const text = (value, where) => {
  if (typeof value !== "string") throw new ProtocolError(`${where} is not text`);
  return value;
};

/** @type {Shape} */
const flag = (value, where) => {
  if (typeof value !== "boolean") throw new ProtocolError(`${where} is not true or false`);
  return value;
};

/** @type {Shape} */
const count = (value, where) => {
  if (!Number.isInteger(value) || /** @type {number} */ (value) < 0) throw new ProtocolError(`${where} is not a count`);
  return value;
};

/** @type {Shape} */
const whole = (value, where) => {
  if (!Number.isInteger(value)) throw new ProtocolError(`${where} is not a whole number`);
  return value;
};

/** @type {(...allowed: string[]) => Shape} */
const oneOf = (...allowed) => (value, where) => {
  if (!allowed.includes(/** @type {string} */ (value))) throw new ProtocolError(`${where} is none of ${allowed.join(", ")}`);
  return value;
};

/** @type {(item: Shape) => Shape} */
const list = (item) => (value, where) => {
  if (!Array.isArray(value)) throw new ProtocolError(`${where} is not a list`);
  return value.map((each, i) => item(each, `${where}[${i}]`));
};

/** A field that may be left out. @type {(shape: Shape) => Shape} */
const maybe = (shape) => (value, where) => (value === undefined ? undefined : shape(value, where));

/** Takes the named fields and leaves out others: a newer server may say more than this page knows.
 * @type {(fields: Record<string, Shape>) => Shape} */
const object = (fields) => (value, where) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ProtocolError(`${where} is not an object`);
  /** @type {Record<string, unknown>} */
  const out = {};
  for (const [name, shape] of Object.entries(fields)) {
    const field = shape(/** @type {Record<string, unknown>} */ (value)[name], `${where}.${name}`);
    if (field !== undefined) out[name] = field;
  }
  return out;
};

const place = oneOf("waiting", "visit");
const source = oneOf("microphone", "camera", "screen", "screen_audio");
const works = oneOf("ok", "fault", "unknown");
const person = object({ id: text, name: text, role: text });
const author = object({ id: text, name: text });
const line = object({ id: text, from: author, text, at: text });
const note = object({ id: text, text, ready: text, at: text });
const media = object({ microphone: flag, camera: flag, screen: flag });
const check = object({
  camera: works,
  microphone: works,
  speaker: works,
  rtt_ms: whole,
  loss_pct: whole,
  network: oneOf("ok", "poor", "blocked", "unknown"),
  browser: text,
});
const member = object({
  id: text,
  name: text,
  role: text,
  place,
  since: text,
  media,
  line: oneOf("", "good", "weak", "bad"),
  away: flag,
  lead: flag,
  signing: flag,
  device: flag,
  hearing: oneOf("", "nobody", "somebody", "signal"),
  check: maybe(check),
});
const position = {
  place,
  why: oneOf("", "private", "returned"),
  since: text,
  may: list(text),
  members: list(member),
  chat: list(line),
  told: list(note),
  private: text,
  started: text,
  signing: flag,
};

/** @type {Record<string, Record<string, Shape>>} */
const messages = {
  joined: { you: person, ...position, token: text, answer: text },
  resumed: { you: person, ...position, token: text },
  place: position,
  moved: {},
  answer: { answer: text },
  need: { audio: count, video: count },
  slots: { slots: list(object({ mid: text, member: text, source })) },
  member: { member },
  left: { member: text },
  chat: { id: text, from: author, text, at: text },
  told: { id: text, member: text, text, ready: text, at: text },
  private: { since: text },
  signing: { on: flag },
  media: { media },
  speaking: { members: list(text) },
  error: { code: text, message: text, asked: text, about: text },
};

/**
 * Reads one frame. A type this page does not know gives null: it is left alone.
 * @param {string} frame
 * @returns {ServerMessage | null}
 * @throws {ProtocolError}
 */
export function decode(frame) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(frame);
  } catch {
    throw new ProtocolError("a frame is not JSON");
  }
  const { type } = object({ type: text })(value, "message");
  if (!Object.hasOwn(messages, type)) return null;
  return { type, ...object(messages[type])(value, type) };
}

/** @param {ClientMessage} message @returns {string} */
export function encode(message) {
  return JSON.stringify(message);
}

/** `resume`: take up the connection with a new websocket, and join anew where that is refused; `rejoin`: join anew with a new pass.
 * @typedef {"resume" | "rejoin" | "busy" | "crowded" | "left" | "replaced" | "ended" | "revoked" | "declined" | "broken"} Outcome */

/**
 * What a closed websocket means for the person.
 * @param {number} code
 * @returns {Outcome}
 */
export function afterClose(code) {
  switch (code) {
    case 1000:
      return "left";
    case 1009:
    case 4400:
      return "broken";
    case 1001:
    case 4401:
    case 4404:
      return "rejoin";
    case 4409:
      return "replaced";
    case 4410:
      return "ended";
    case 4411:
      return "revoked";
    case 4412:
      return "declined";
    case 4413:
      return "crowded";
    case 4503:
      return "busy";
    default: // 1006, 4408, 4429 and whatever the network makes up
      return "resume";
  }
}
