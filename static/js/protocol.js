// The wire contract of docs/protocol.md, sections 1 and 3: what the server says is checked and given a type here, and nothing else of the page
// ever looks at raw JSON. Holds no state, touches no DOM.

/** @typedef {"waiting" | "visit"} Place */
/** @typedef {"microphone" | "camera"} Source */
/** @typedef {{microphone: boolean, camera: boolean}} Media what somebody sends */
/** @typedef {{id: string, name: string}} Author */
/** @typedef {{id: string, name: string, role: string}} Person */
/** @typedef {{id: string, name: string, role: string, place: Place, since: string, media: Media}} Member */
/** @typedef {{id: string, from: Author, text: string, at: string}} Line one line of chat; `at` is RFC 3339 */
/** @typedef {{mid: string, member: string, source: Source}} SlotEntry */

/** @typedef {{type: "joined", you: Person, place: Place, since: string, may: string[], answer: string, members: Member[], chat: Line[]}} Joined */
/** @typedef {{type: "place", place: Place, since: string, may: string[], members: Member[], chat: Line[]}} Placed */
/** @typedef {{type: "answer", answer: string}} Answer */
/** @typedef {{type: "need", audio: number, video: number}} Need */
/** @typedef {{type: "slots", slots: SlotEntry[]}} Slots */
/** @typedef {{type: "member", member: Member}} MemberChanged */
/** @typedef {{type: "left", member: string}} Left */
/** @typedef {{type: "chat", id: string, from: Author, text: string, at: string}} Chat */
/** @typedef {{type: "speaking", members: string[]}} Speaking */
/** @typedef {{type: "error", code: string, message: string}} Refusal */
/** @typedef {Joined | Placed | Answer | Need | Slots | MemberChanged | Left | Chat | Speaking | Refusal} ServerMessage */

/** @typedef {{type: "join", pass: string, offer: string, sources: Record<string, Source>, media: Media}} Join */
/** @typedef {{type: "offer", offer: string, sources: Record<string, Source>}} Offer */
/** @typedef {Join | Offer | {type: "media", media: Media} | {type: "chat", id: string, text: string} | {type: "admit", member: string}
 *   | {type: "end"} | {type: "bye"}} ClientMessage */

/** The websocket's subprotocol. */
export const subprotocol = "housecall.v1";

/** The longest text of one chat message, in characters as the server counts them (code points). */
export const longestText = 2000;

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

/** Takes the named fields and leaves out others: a newer server may say more than this page knows.
 * @type {(fields: Record<string, Shape>) => Shape} */
const object = (fields) => (value, where) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ProtocolError(`${where} is not an object`);
  /** @type {Record<string, unknown>} */
  const out = {};
  for (const [name, shape] of Object.entries(fields)) {
    out[name] = shape(/** @type {Record<string, unknown>} */ (value)[name], `${where}.${name}`);
  }
  return out;
};

const place = oneOf("waiting", "visit");
const author = object({ id: text, name: text });
const line = object({ id: text, from: author, text, at: text });
const member = object({
  id: text,
  name: text,
  role: text,
  place,
  since: text,
  media: object({ microphone: flag, camera: flag }),
});

/** @type {Record<string, Record<string, Shape>>} */
const messages = {
  joined: {
    you: object({ id: text, name: text, role: text }),
    place,
    since: text,
    may: list(text),
    answer: text,
    members: list(member),
    chat: list(line),
  },
  place: { place, since: text, may: list(text), members: list(member), chat: list(line) },
  answer: { answer: text },
  need: { audio: count, video: count },
  slots: { slots: list(object({ mid: text, member: text, source: oneOf("microphone", "camera") })) },
  member: { member },
  left: { member: text },
  chat: { id: text, from: author, text, at: text },
  speaking: { members: list(text) },
  error: { code: text, message: text },
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

/** @typedef {"rejoin" | "busy" | "left" | "replaced" | "ended" | "revoked" | "broken"} Outcome */

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
    case 4409:
      return "replaced";
    case 4410:
      return "ended";
    case 4411:
      return "revoked";
    case 4503:
      return "busy";
    default: // 1001, 1006, 4401, 4408, 4429 and whatever the network makes up
      return "rejoin";
  }
}
