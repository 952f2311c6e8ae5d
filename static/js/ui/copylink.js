// For a link that opened inside another app, which keeps the camera to itself: the link to take along to a real browser.

import { el } from "./dom.js";

/** @import {Words} from "../i18n.js" */

/**
 * A button that copies the link; where that is not allowed the link is shown, to be copied by hand.
 * @param {Words} words
 * @param {string} link
 */
export function copyLink(words, link) {
  const copy = el("button", { type: "button", class: "button primary" }, words.t("link.copy"));
  const said = el("p", { class: "small", role: "status" });
  const shown = el("input", { readonly: true, value: link, "aria-label": words.t("link.yours"), dir: "ltr" });
  shown.hidden = true;
  copy.addEventListener("click", async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      copied = false; // not allowed, or not there at all
    }
    shown.hidden = copied;
    said.textContent = words.t(copied ? "link.copied" : "link.by_hand");
    if (!copied) shown.select();
  });
  return el("div", { class: "copy-link" }, copy, said, shown);
}
