// The choice of language: every language by its own name, and a short word where nobody whose language it is has read the translation yet.

import { el, icon, setText } from "./dom.js";

/** @import {Language} from "../language.js" */

/** How many choosers there are, for their ids. */
let made = 0;

/** Puts a chooser into a place. @param {Language} language @param {HTMLElement} place */
export function addChooser(language, place) {
  const { words } = language;
  const id = `language-${++made}`;
  const select = el("select", { id, "aria-describedby": `${id}-note` });
  for (const { tag, name } of language.all) select.append(el("option", { value: tag, lang: tag, dir: "auto" }, name));
  const note = el("span", { id: `${id}-note`, class: "language-note" });
  const word = el("span", {});
  const label = el("label", { for: id }, icon("language"), word);
  place.classList.add("language");
  place.replaceChildren(label, select, note);
  const show = () => {
    setText(word, words.t("language.choose"));
    select.value = language.tag;
    setText(note, words.t("language.reviewed") === "no" ? words.t("language.unreviewed") : "");
  };
  select.addEventListener("change", async () => {
    await language.choose(select.value);
    show();
  });
  words.follow(show);
  show();
}

/** The languages the server has written into the page. @returns {import("../language.js").Spoken[]} */
export function spoken() {
  const options = [...document.querySelectorAll("#language-place option")];
  return options.map((option) => ({ tag: option.getAttribute("value") ?? "", name: option.textContent ?? "" }));
}
