// The style sheets say start and end, never left and right: a page in Arabic is the same page turned around.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const root = new URL("../", import.meta.url);
const read = (name) => readFileSync(new URL(name, root), "utf8");
const sheets = readdirSync(new URL("css/", root)).map((name) => [name, read(`css/${name}`).replace(/\/\*[\s\S]*?\*\//g, "")]);

/** The values of a shorthand, each whole: calc(1px + 2px) is one. */
function values(text) {
  const found = [];
  let [depth, value] = [0, ""];
  for (const letter of `${text.trim()} `) {
    if (letter === "(") depth++;
    if (letter === ")") depth--;
    if (letter !== " " || depth > 0) value += letter;
    else if (value) found.push(value), (value = "");
  }
  return found;
}

test("no rule depends on left or right", () => {
  for (const [name, css] of sheets) {
    for (const [, property, value] of css.matchAll(/[{;]\s*([a-z-]+)\s*:\s*([^;{}]+)/g)) {
      const rule = `${name}: ${property}: ${value}`;
      assert.doesNotMatch(property, /(^|-)(left|right)(-|$)/, rule);
      if (/^(text-align|float|clear|caption-side)$/.test(property)) assert.doesNotMatch(value, /left|right/, rule);
      if (/^(margin|padding|inset|border-width|border-color|border-style)$/.test(property)) {
        // The four sides by turn; what a notch takes away is on a side of the device, not of the text.
        const four = values(value);
        if (four.length === 4 && !value.includes("safe-area-inset")) assert.equal(four[1], four[3], rule);
      }
      if (property === "border-radius" && !value.includes("/")) {
        const corners = values(value);
        if (corners.length === 4) assert.ok(corners[0] === corners[1] && corners[2] === corners[3], rule);
        if (corners.length === 2 || corners.length === 3) assert.equal(corners[0], corners[1], rule);
      }
    }
  }
});

test("signs that point along the line are turned with it", () => {
  const html = read("visit.html");
  for (const [tag] of html.matchAll(/<svg class="icon[^>]*><use href="#i-(?:leave|send|sound)"/g)) assert.match(tag, /class="icon turns"/, tag);
  assert.match(read("js/ui/dom.js"), /turns = new Set\(\["leave", "send", "sound"\]\)/);
});
