// Finds words for people outside the catalogues: in the visit page's modules, in the desk's script, and in the templates of server-rendered pages.
// (cmd/housecall looks through the Go code of those pages.)
import assert from "node:assert/strict";
import test from "node:test";
import ts from "typescript";
import { catalogue, files, goCode, read, shelves, templates, text } from "./house.js";

const en = catalogue("en");
const scripts = files("static/js/", ".js").map((name) => [name, read(name)]);

/** Attributes that people read or hear. */
const spoken = /^(aria-label|aria-description|aria-roledescription|aria-valuetext|title|alt|placeholder|label)$/;
const properties = /^(textContent|innerText|nodeValue|title|alt|placeholder|label|ariaLabel|ariaDescription|document\.title)$/;
/** Calls that show or say what they are given. */
const sayers = /^(setText|toast|polite|urgent|banner|append|prepend|replaceChildren|before|after|replaceWith|createTextNode|alert|confirm|prompt|insertAdjacentText|setCustomValidity)$/;

/** The string literals that an expression can come to, where they have letters. */
function literals(node, found = []) {
  if (ts.isStringLiteralLike(node)) /\p{L}/u.test(node.text) && found.push(node.text);
  else if (ts.isTemplateExpression(node)) {
    for (const part of [node.head, ...node.templateSpans.map((span) => span.literal)]) if (/\p{L}/u.test(part.text)) found.push(part.text);
    for (const { expression } of node.templateSpans) literals(expression, found);
  } else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach((each) => literals(each, found));
  else if (ts.isBinaryExpression(node)) [node.left, node.right].forEach((each) => literals(each, found));
  else if (ts.isParenthesizedExpression(node) || ts.isSpreadElement(node)) literals(node.expression, found);
  else if (ts.isArrayLiteralExpression(node)) node.elements.forEach((each) => literals(each, found));
  return found;
}

/** Words for people that a script says by itself. */
function said(source) {
  const found = [];
  const visit = (node) => {
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isPropertyAccessExpression(node.left)) {
      if (properties.test(node.left.name.text)) found.push(...literals(node.right));
    }
    if (ts.isCallExpression(node)) {
      const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : node.expression.getText();
      const [first, second, ...rest] = node.arguments;
      if (name === "setAttribute" && spoken.test(first.text ?? "")) found.push(...literals(second));
      if (sayers.test(name)) node.arguments.forEach((each) => found.push(...literals(each)));
      if (name === "el") {
        for (const each of second && ts.isObjectLiteralExpression(second) ? second.properties : []) {
          if (ts.isPropertyAssignment(each) && spoken.test(each.name.text ?? "")) found.push(...literals(each.initializer));
        }
        rest.forEach((each) => found.push(...literals(each)));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("a.js", source, ts.ScriptTarget.ES2022, true));
  return found;
}

test("the finder finds words in scripts", () => {
  const guilty = [
    'a.textContent = "Hello";', "a.title = on ? 'Mute' : words.t('x');", 'a.setAttribute("aria-label", "Close");', 'el("p", {}, "Hello");', 'el("p", { "aria-label": "Hello" });',
    "setText(a, `${n} people`);", 'live.toast("Saved" + x);', 'a.append(b, "Hello");', 'a.replaceChildren(...["Hello"]);', 'document.title = "Visit";',
  ];
  for (const source of guilty) assert.equal(said(source).length, 1, source);
  const innocent = [
    'a.textContent = "";', 'setText(a, words.t("a.b"));', 'el("p", { class: "small", "data-t": "a.b" }, " · ");', 'a.setAttribute("class", "icon");', 'a.textContent = `${a} · ${b}`;', 'a.append(el("p", {}));',
  ];
  for (const source of innocent) assert.deepEqual(said(source), [], source);
});

test("no script says words that are not in the catalogues", () => {
  assert.ok(scripts.length > 30);
  for (const [name, source] of scripts) assert.deepEqual(said(source), [], name);
});

/** Words for people that a template says by itself. */
function written(template) {
  const bare = template.replace(/\{\{\/\*[\s\S]*?\*\/\}\}/g, "").replace(/<!--[\s\S]*?-->/g, "").replace(/\{\{[\s\S]*?\}\}/g, "");
  const found = bare.replace(/<[^>]*>/g, "\n").replace(/\s[a-z-]+="[^"]*"/g, "").match(/\p{L}+/gu) ?? [];
  for (const [, name, value] of bare.matchAll(/\s([a-z-]+)="([^"]*)"/g)) {
    if ((spoken.test(name) || /^data-(can-show|hide|copied|marked)$/.test(name)) && /\p{L}/u.test(value)) found.push(value);
  }
  return found;
}

test("no template says words that are not in the catalogues", () => {
  for (const guilty of ["<p>Hello</p>", '<p title="Hello">{{.}}</p>', '{{if .}}<b>{{t "a.b"}}</b> and {{end}}']) assert.equal(written(guilty).length, 1, guilty);
  assert.deepEqual(written('<p class="a" title="{{t "a.b"}}">{{t "a.b" "name" .Name}} · {{/* why */}}<b>{{n "a" 1}}</b></p>'), []);
  assert.ok(templates.length > 10);
  for (const [name, source] of templates) assert.deepEqual(written(source), [], name);
});

test("every key of server-rendered pages is there, and is asked for", () => {
  const all = templates.map(([, source]) => source).join("\n") + goCode;
  const asked = [...all.matchAll(/\{\{t "([^"]+)"/g), ...all.matchAll(/\(t "([^"]+)"/g), ...all.matchAll(/= t "([^"]+)"/g), ...all.matchAll(/\.T\("([^"]+[^."])"[,)]/g)].map(([, key]) => key);
  for (const key of asked) assert.ok(key in en, `there is no ${key}`);
  for (const [, key] of all.matchAll(/\{\{n "([^"]+)"/g)) assert.ok(`${key}.other` in en, `there is no ${key}.other`);
  const whole = new Set([...all.matchAll(/"([a-z_]+(?:\.[a-z0-9_]+)+)"/g)].map(([, key]) => key));
  // Keys that are put together: what they begin with, and the groups of questions.
  const made = [...[...all.matchAll(/"([a-z_]+(?:\.[a-z0-9_]+)*\.)" ?\+/g)].map(([, start]) => start), ...[...all.matchAll(/question\("([a-z_.]+)"/g)].map(([, group]) => `${group}.`)];
  assert.ok(!made.includes("desk."), "then every key of the desk would count as asked for");
  for (const key of shelves.slice(1).flatMap((shelf) => Object.keys(JSON.parse(text(shelf, "en"))))) {
    const counted = key.replace(/\.(one|other)$/, "");
    assert.ok(whole.has(key) || whole.has(counted) || made.some((start) => key.startsWith(start)), `nobody asks for ${key}`);
  }
});
