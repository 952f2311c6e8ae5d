// What the page says and does outside the call, in its pure parts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { variantOf } from "../js/ui/ends.js";
import { dialled } from "../js/ui/phone.js";

const catalogue = JSON.parse(readFileSync(new URL("../locales/en.json", import.meta.url), "utf8"));

test("a telephone dials what people write", () => {
  const cases = [
    ["+1 (555) 010-0199", "tel:+15550100199"], ["0555 / 010 01", "tel:055501001"], ["555.0100", "tel:5550100"], ["555–0100", "tel:5550100"],
    ["555 0100 ext. 12", "tel:5550100,12"], ["555 0100 x7", "tel:5550100,7"], ["", ""], ["front desk", ""], ["+ 1 + 2", "tel:+12"],
  ];
  for (const [phone, href] of cases) assert.equal(dialled(phone), href, phone);
});

test("every end has words for everybody it can happen to", () => {
  for (const state of ["left", "ended", "declined", "replaced", "revoked", "gone", "broken"]) {
    for (const role of ["patient", "guardian", "guest", "interpreter", "clinician", "observer"]) {
      for (const visited of [true, false]) {
        const variant = variantOf(state, { role, visited });
        assert.ok(catalogue[`message.${state}.${variant}.title`] ?? catalogue[`message.${state}.title`], `${state} ${variant}`);
      }
    }
  }
  assert.equal(variantOf("ended", { role: "patient", visited: false }), "unseen");
  assert.equal(variantOf("ended", { role: "patient", visited: true }), "");
  assert.equal(variantOf("left", { role: "clinician", visited: true }), "clinician");
});
