// The hospital's telephone number, as something to tap: the way out of every dead end.

import { el, icon } from "./dom.js";

/** @import {Words} from "../i18n.js" */

/**
 * What a telephone dials for a number as people write it: an extension is dialled after a pause.
 * @param {string} phone
 * @returns {string} "" where there are no digits
 */
export function dialled(phone) {
  const [number, extension = ""] = phone.split(/[^\d\s()+./*#\u2010-\u2015-]+/).map((part) => part.replace(/[^\d+*#]/g, ""));
  if (!/\d/.test(number)) return "";
  return `tel:${number.replace(/(?!^)\+/g, "")}${extension ? `,${extension}` : ""}`;
}

/**
 * A number to tap; its digits stand from left to right in every language.
 * @param {Words} words
 * @param {string} phone "" for none
 * @returns {HTMLElement[]} nothing, or one element
 */
export function phoneLine(words, phone) {
  const to = dialled(phone);
  if (!to) return [];
  const number = el("bdi", { dir: "ltr", class: "phone-number" }, phone);
  return [el("a", { class: "phone", href: to }, icon("phone"), el("span", {}, words.t("phone.call"), " ", number))];
}
