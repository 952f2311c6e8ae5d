// What is said aloud of what happens, and what of it is seen as well.
import assert from "node:assert/strict";
import test from "node:test";
import { Announcer } from "../js/ui/announce.js";

/** An announcer and what came of it. @param {string} role mine */
function listening(role = "clinician") {
  const heard = [];
  const live = {
    polite: (text) => heard.push(`says ${text}`),
    toast: (text) => heard.push(`shows ${text}`),
    forget: () => heard.push("forgets"),
  };
  const announcer = new Announcer({ t: (key, { name = "" } = {}) => [key, name].filter(Boolean).join(" ") }, live);
  return { heard, happens: (...happenings) => announcer.tell(happenings.map((each) => ({ member: { name: "Kit" }, ...each })), { you: { role } }) };
}

test("whoever gets the lead sees it; the others hear of it", () => {
  const { heard, happens } = listening();
  happens({ what: "lead", me: true }, { what: "lead", me: false });
  assert.deepEqual(heard, ["shows lead.me", "says lead.other Kit"]);
});

test("who goes outside takes no words of the visit along", () => {
  const { heard, happens } = listening();
  happens({ what: "moved", place: "waiting", why: "" });
  assert.deepEqual(heard, [], "nothing was said yet");
  happens({ what: "moved", place: "visit", why: "" }, { what: "came" }, { what: "moved", place: "waiting", why: "private" });
  assert.deepEqual(heard, ["says visit.in", "says visit.came Kit", "forgets"]);
  happens({ what: "moved", place: "visit", why: "" }, { what: "moved", place: "waiting", why: "" });
  assert.deepEqual(heard.slice(3), ["says visit.in", "forgets", "shows visit.sent_out"]);
});

test("a patient in private time hears that they are asked; the others hear that it began, and all see that it ended", () => {
  for (const [role, begins] of [["patient", "says private.on ask.title"], ["clinician", "says private.on"], ["interpreter", "says private.on"]]) {
    const { heard, happens } = listening(role);
    happens({ what: "private", on: true }, { what: "private", on: false });
    assert.deepEqual(heard, [begins, "shows private.off"], role);
  }
});
