// The visit from within: who may do what about whom, when something is said or proposed, whose picture stands where.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { arrange, mainOf } from "../js/arrange.js";
import { Words } from "../js/i18n.js";
import { Room } from "../js/room.js";
import { stateOf } from "../js/ui/chat.js";
import { next } from "../js/ui/controls.js";
import { clock } from "../js/ui/inside.js";
import { invitable } from "../js/ui/invite.js";
import { successors } from "../js/ui/leave.js";
import { choices } from "../js/ui/menu.js";
import { Lasting, notices } from "../js/ui/notices.js";
import { statesOf } from "../js/ui/people.js";
import { goesOut, reminds, staying } from "../js/ui/private.js";
import { noteWords } from "../js/ui/tell.js";
import { ViewChoices } from "../js/ui/view.js";
import { foundBy, heldBack } from "../js/ui/waiters.js";

const catalogue = JSON.parse(readFileSync(new URL("../locales/en.json", import.meta.url), "utf8"));
const everything = new Set(["admit", "chat", "end", "return", "decline", "remove", "private", "tell", "lead", "invite", "share", "sign"]);

/** Somebody in the visit, with whatever is different about them. */
const member = (id, role = "guest", { media, ...more } = {}) => ({
  id, name: id, role, place: "visit", since: "2026-11-24T15:00:00Z", line: "good", away: false, lead: false, signing: false, device: false, hearing: "",
  media: { microphone: true, camera: true, screen: false, ...media }, ...more,
});

/** A room as one person sees it. */
function room({ you = { id: "me", name: "me", role: "clinician" }, may = everything, members = [], ...more } = {}) {
  const made = new Room();
  const position = { place: "visit", why: "", since: "", may: [...may], members, chat: [], told: [], private: "", started: "", ...more };
  made.apply({ type: "joined", you, token: "", answer: "", ...position });
  return made;
}

test("what I may do about somebody follows my rights and their role", () => {
  const none = new Set(["chat", "invite", "share"]);
  for (const role of ["patient", "guardian", "guest", "interpreter", "clinician", "observer"]) {
    assert.deepEqual(choices(member("a", role), none, ""), ["pin"], role);
    assert.deepEqual(choices(member("a", role), none, "a"), ["unpin"], role);
  }
  for (const role of ["patient", "guardian", "guest", "observer"]) assert.deepEqual(choices(member("a", role), everything, ""), ["pin", "return", "remove"], role);
  assert.deepEqual(choices(member("a", "interpreter"), everything, ""), ["pin", "sign", "return", "remove"]);
  assert.deepEqual(choices(member("a", "interpreter", { signing: true }), everything, ""), ["pin", "unsign", "return", "remove"]);
  assert.deepEqual(choices(member("a", "clinician"), everything, ""), ["pin", "lead"], "nobody shows a colleague out");
  assert.deepEqual(choices(member("a", "clinician", { lead: true }), everything, ""), ["pin"]);
  assert.deepEqual(choices(member("a", "clinician", { away: true }), everything, ""), ["pin"], "who is away takes nothing over");
});

test("a clinician is reminded of private time with a teenager, when somebody would go outside, and not at once", () => {
  const started = "2026-11-24T15:00:00Z";
  const at = (seconds) => Date.parse(started) + seconds * 1000;
  const [patient, guardian] = [member("Robin", "patient"), member("Kit", "guardian")];
  const visit = { may: everything, private: "", started, others: [patient, guardian] };
  assert.deepEqual(reminds(visit, 14, at(60)), { name: "Robin", age: 14 });
  for (const age of [12, 17]) assert.ok(reminds(visit, age, at(60)), age);
  for (const age of [0, 11, 18, undefined]) assert.equal(reminds(visit, age, at(600)), null, age);
  assert.equal(reminds(visit, 14, at(59)), null, "people greet each other first");
  assert.equal(reminds({ ...visit, started: "" }, 14, at(600)), null);
  assert.equal(reminds({ ...visit, private: started }, 14, at(600)), null, "it is on");
  assert.equal(reminds({ ...visit, may: new Set(["chat"]) }, 14, at(600)), null, "not for families");
  assert.equal(reminds({ ...visit, others: [guardian] }, 14, at(600)), null, "the patient is not here");
  assert.ok(reminds({ ...visit, others: [patient, member("a", "guest")] }, 14, at(600)));
  for (const role of ["interpreter", "clinician", "observer"]) assert.equal(reminds({ ...visit, others: [patient, member("a", role)] }, 14, at(600)), null, role);
  assert.deepEqual(["patient", "guardian", "guest", "interpreter", "clinician", "observer"].filter((role) => goesOut({ role })), ["guardian", "guest"]);
});

test("what matters most is said, and whose line it is", () => {
  const quiet = { hopeless: false, audio: false, sharing: false, others: [member("a")], weak: [], reminder: null };
  assert.deepEqual(notices(quiet), []);
  const ids = (now) => notices({ ...quiet, ...now }).map((each) => each.id);
  const reminder = { name: "Robin", age: 14 };
  const others = [member("a", "patient"), member("b"), member("c", "guest", { away: true })];
  assert.deepEqual(ids({ hopeless: true, reminder, sharing: true, others, weak: ["a", "c"] }), ["line", "reminder", "sharing", "line a"], "who is away is not called weak");
  assert.deepEqual(ids({ hopeless: true, audio: true }), ["audio"], "audio only was proposed and taken");
  for (const notice of notices({ hopeless: true, audio: false, reminder, sharing: true, others, weak: ["a"] })) assert.ok(notice.key in catalogue, notice.key);
});

test("a line that falters for a moment is not worth a word", () => {
  const lasting = new Lasting();
  assert.deepEqual(lasting.take(["a"], 0), []);
  assert.deepEqual(lasting.take(["a", "b"], 4999), []);
  assert.deepEqual(lasting.take(["a", "b"], 5000), ["a"]);
  assert.deepEqual(lasting.take(["b"], 9000), [], "b since 4999 only");
  assert.deepEqual(lasting.take(["a", "b"], 10_000), ["b"], "a begins anew");
});

test("in private time those who stay are named, and nobody who waits", () => {
  const seen = room({ members: [member("d", "clinician", { name: "Dr. Sample" }), member("i", "interpreter", { name: "Noor Sample" }), member("w", "guardian", { place: "waiting" })] });
  assert.equal(staying(seen), "Dr. Sample · Noor Sample");
});

test("in private time nobody who went outside is let in, nor another device", () => {
  const since = "2026-11-24T15:00:00Z";
  const held = (role, device, private_) => heldBack({ role, device }, private_);
  for (const role of ["guardian", "guest"]) {
    assert.equal(held(role, false, since), "private");
    assert.equal(held(role, true, ""), "");
  }
  for (const role of ["patient", "interpreter", "clinician", "observer"]) {
    assert.equal(held(role, false, since), "");
    assert.equal(held(role, true, since), "device");
    assert.equal(held(role, true, ""), "");
  }
});

test("a device check is told in a few words", () => {
  const good = { camera: "ok", microphone: "ok", speaker: "unknown", rtt_ms: 20, loss_pct: 0, network: "ok", browser: "" };
  assert.deepEqual(foundBy(good), { good: true, keys: ["checked.good"] });
  assert.deepEqual(foundBy({ ...good, camera: "unknown" }), { good: false, keys: ["checked.unknown"] });
  assert.deepEqual(foundBy({ ...good, camera: "fault", network: "blocked" }), { good: false, keys: ["checked.camera", "checked.blocked"] });
  const all = foundBy({ ...good, camera: "fault", microphone: "fault", speaker: "fault", network: "poor" });
  for (const key of [...all.keys, "checked.blocked", "checked.good", "checked.unknown"]) assert.ok(key in catalogue, key);
});

test("families invite guests, clinicians anybody", () => {
  for (const role of ["patient", "guardian"]) assert.deepEqual(invitable(role), ["guest"]);
  assert.deepEqual([...invitable("clinician")].sort(), ["clinician", "guardian", "guest", "interpreter", "observer", "patient"]);
  for (const role of invitable("clinician")) assert.ok(`role.${role}` in catalogue, role);
});

test("a leaving clinician who leads may hand over to a colleague who is there", () => {
  const colleagues = [member("a", "clinician"), member("b", "clinician", { away: true }), member("c", "patient")];
  assert.deepEqual(successors(room({ members: colleagues })).map((each) => each.id), ["a"]);
  assert.deepEqual(successors(room({ members: [member("a", "clinician", { lead: true })] })), [], "a colleague leads already");
  assert.deepEqual(successors(room({ members: colleagues, may: new Set(["chat"]), you: { id: "me", name: "", role: "patient" } })), []);
});

test("under a name stands what matters, in words", () => {
  const busy = member("a", "interpreter", { signing: true, line: "weak", media: { microphone: false, screen: true } });
  const visit = room({ members: [busy, member("b", "clinician", { lead: true }), member("c", "patient", { away: true, hearing: "nobody", media: { camera: false } })] });
  const states = (id) => statesOf(visit.members.get(id), visit);
  assert.deepEqual(states("a"), ["people.signs", "people.shares", "visit.muted", "people.line_weak"]);
  assert.deepEqual(states("b"), ["people.leads"]);
  assert.deepEqual(states("c"), ["hearing.nobody", "visit.away"], "what somebody sends who is away is not known");
  const alone = room({ members: [member("a", "patient")] });
  assert.deepEqual(statesOf({ ...alone.you, media: { microphone: true, camera: true } }, alone), [], "one clinician needs no word about leading");
  for (const key of [...states("a"), ...states("b"), ...states("c"), "hearing.somebody", "hearing.signal"]) assert.ok(key in catalogue, key);
});

test("a screen stands first, who signs beside who speaks, and the rest as they came", () => {
  const [a, b, c] = [member("a"), member("b"), member("c")];
  const keys = (...given) => {
    const { items, large, screen } = arrange(...given);
    return `${items.map((each, i) => (i < large ? each.key.toUpperCase() : each.key)).join(",")}${screen ? " screen" : ""}`;
  };
  assert.equal(keys([a, b, c], "b", ""), "a,b,c", "nobody jumps about for speaking");
  assert.equal(keys([a, b, c], "b", "c"), "C,a,b");
  assert.equal(keys([a, b, c], "", "gone"), "a,b,c");
  const signs = member("s", "interpreter", { signing: true });
  assert.equal(keys([a, signs, b], "b", ""), "S,B,a");
  assert.equal(keys([a, signs, b], "s", ""), "S,A,b", "who signs does not stand beside themselves");
  assert.equal(keys([a, signs, b], "b", "a"), "S,A,b", "a pinned person takes the speaker's place");
  assert.equal(keys([signs], "", ""), "S");
  assert.equal(keys([a, member("s", "interpreter", { signing: true, media: { camera: false } })], "", ""), "a,s", "hands that nobody sees");
  const shares = member("x", "clinician", { media: { screen: true } });
  assert.equal(keys([a, shares], "", ""), "X SCREEN,a,x screen");
  assert.equal(keys([a, shares, signs], "", ""), "X SCREEN,S,a,x screen");
  assert.equal(keys([a, shares, signs], "", "a"), "X SCREEN,A,x,s screen");
  assert.equal(keys([a, b, shares], "b", "", "low"), "X SCREEN,a,b,x screen");
  assert.equal(keys([a, b], "b", "", "low"), "B,a", "one picture, large");
  assert.equal(keys([a, shares, signs], "", "", "audio"), "a,x,s", "no pictures, nothing large");
  assert.equal(mainOf(arrange([a, b], "b", ""), "b").key, "b");
  assert.equal(mainOf(arrange([a, shares], "a", ""), "a").key, "x screen");
  assert.equal(mainOf(arrange([], "", ""), ""), undefined);
});

test("arrow keys go along the controls, and turn with the language", () => {
  const controls = ["a", "b", "c"];
  assert.equal(next("ArrowRight", controls, "a", false), "b");
  assert.equal(next("ArrowRight", controls, "c", false), "a");
  assert.equal(next("ArrowLeft", controls, "a", false), "c");
  assert.equal(next("ArrowLeft", controls, "a", true), "b");
  assert.equal(next("Home", controls, "c", false), "a");
  assert.equal(next("End", controls, "a", true), "c");
  for (const key of ["Tab", "Enter", "x", "ArrowUp"]) assert.equal(next(key, controls, "a", false), undefined, key);
});

test("words that have not arrived say so", () => {
  assert.equal(stateOf("sending", true), "sending");
  assert.equal(stateOf("sending", false), "waiting");
  assert.equal(stateOf("waiting", true), "waiting");
  assert.equal(stateOf("refused", true), "not_sent");
  for (const state of ["sending", "waiting", "not_sent"]) assert.ok(`chat.${state}` in catalogue);
});

test("the time since the visit began is told as a clock tells it", () => {
  for (const [seconds, told] of [[-3, "0:00"], [0, "0:00"], [59, "0:59"], [245, "4:05"], [3600, "1:00:00"], [3845, "1:04:05"]]) assert.equal(clock(seconds * 1000), told);
});

test("how I want to see a visit outlives a reload, and a full or foreign storage breaks nothing", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const first = new ViewChoices(storage);
  assert.deepEqual([first.self, first.captions], [true, false]);
  first.set("self", false);
  first.set("captions", true);
  const second = new ViewChoices(storage);
  assert.deepEqual([second.self, second.captions], [false, true]);
  for (const foreign of ["{", "null", "[]", '{"self":"no"}']) assert.equal(new ViewChoices({ ...storage, getItem: () => foreign }).captions, false, foreign);
  const full = new ViewChoices({ getItem: () => null, setItem: () => { throw new Error("full"); } });
  full.set("captions", true);
  assert.equal(full.captions, true);
});

test("who waits reads ready words in their own language, and others as they were written", () => {
  const spanish = new Words({ "tell.soon": "Enseguida le atendemos." }, "es");
  assert.equal(noteWords(spanish, { text: "We’ll be with you in a few minutes.", ready: "soon" }), "Enseguida le atendemos.");
  assert.equal(noteWords(spanish, { text: "Ten more minutes.", ready: "" }), "Ten more minutes.");
  assert.equal(noteWords(spanish, { text: "From a newer page.", ready: "unheard_of" }), "From a newer page.");
});
