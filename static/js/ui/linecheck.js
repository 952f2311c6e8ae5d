// The connection to the media port, tried by itself in the background: how it does in a word, and, where it does not do well, what helps with
// this browser and what to tell whoever looks after the network.

import { el } from "./dom.js";
import { browserOf } from "./faults.js";
import { phoneLine } from "./phone.js";
import { Row } from "./row.js";

/** @import {Words} from "../i18n.js" */
/** @import {Ways} from "../ladder.js" */

/** What was measured; whole numbers, -1 where unknown. `where`: host and port that sound and pictures go to, "" where unknown.
 * @typedef {{network: "ok" | "poor" | "blocked" | "unknown", rtt_ms: number, loss_pct: number, where: {host: string, port: number} | null}} Line */

/** @typedef {(signal: AbortSignal) => Promise<Line>} Measure never throws */
/** @typedef {(signal: AbortSignal) => Promise<Ways | null>} TryWays which ways lead there; null: not known. Never throws. */

/** Nothing is known. @type {Line} */
export const unmeasured = { network: "unknown", rtt_ms: -1, loss_pct: -1, where: null };

/**
 * Which advice fits: to a phone, a computer, or a browser inside another app.
 * @param {string} browser from browserOf
 * @param {boolean} touch whether fingers are its pointer
 */
export function adviceFor(browser, touch) {
  if (browser === "in_app") return "in_app";
  return touch ? "phone" : "computer";
}

export class LineCheck {
  /** The site's number of last resort, "" for none. */
  phone = "";
  advice = el("div", {});

  #words;
  #measure;
  #tryWays;
  #changed;
  #line = unmeasured;
  /** @type {Ways | null} */
  #ways = null;
  /** @type {AbortController | null} */
  #running = null;
  /** Finds out about each way apart. @type {AbortController | null} */
  #trying = null;
  #shown = "";
  /** Between start() and stop(). */
  #on = false;

  /** @param {Words} words @param {Measure} measure @param {TryWays} tryWays @param {() => void} changed */
  constructor(words, measure, tryWays, changed) {
    this.#words = words;
    this.#measure = measure;
    this.#tryWays = tryWays;
    this.#changed = changed;
    this.row = new Row("line", words, "check.line", true);
  }

  /** What the clinician is told of it. */
  get result() {
    const { network, rtt_ms, loss_pct } = this.#line;
    return { network, rtt_ms, loss_pct };
  }

  /** Measures, unless that is under way. */
  async start() {
    this.#on = true;
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    this.#trying?.abort();
    this.#trying = null;
    this.#changed();
    const line = await this.#measure(running.signal);
    if (this.#running !== running) return;
    this.#running = null;
    this.#line = line;
    this.#ways = null;
    this.#changed();
    if (line.network !== "ok" && line.network !== "poor") return;
    const trying = new AbortController();
    this.#trying = trying;
    const ways = await this.#tryWays(trying.signal);
    if (this.#trying !== trying) return;
    this.#trying = null;
    this.#ways = ways;
    this.#changed();
  }

  /** The network is another: measures again what did not do well. */
  renew() {
    if (this.#on && !this.#running && this.#line.network !== "ok") void this.start();
  }

  /** Leaves the network alone. */
  stop() {
    this.#on = false;
    this.#running?.abort();
    this.#trying?.abort();
    this.#running = this.#trying = null;
  }

  show() {
    const words = this.#words;
    const state = this.#running ? "busy" : this.#line.network;
    this.row.show(state, words.t(`line.${state}`));
    const bad = state === "poor" || state === "blocked";
    const shown = JSON.stringify([state, this.#line, this.#ways, words.locale, this.phone]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const lost = this.advice.contains(document.activeElement) || this.row.more.contains(document.activeElement);
    // While it is measured again the advice stays, with its button.
    if (bad) this.advice.replaceChildren(this.#advise(state));
    else if (state !== "busy") this.advice.replaceChildren();
    const narrow = this.#narrow();
    const more = state === "unknown" ? [this.#again()] : state === "ok" && narrow.length ? [el("details", {}, el("summary", {}, words.t("line.admin")), ...narrow)] : [];
    this.row.more.replaceChildren(...more);
    if (lost && !this.advice.contains(document.activeElement)) this.row.item.focus();
  }

  /** @param {"poor" | "blocked"} state */
  #advise(state) {
    const words = this.#words;
    const help = adviceFor(browserOf(navigator.userAgent, navigator.maxTouchPoints), matchMedia("(pointer: coarse)").matches);
    const { where, rtt_ms, loss_pct } = this.#line;
    const figures = rtt_ms >= 0 && loss_pct >= 0 ? [el("p", { class: "small" }, words.t("line.figures", { delay: rtt_ms, loss: loss_pct }))] : [];
    // A port is a name, not an amount: it is typed in as it stands.
    const ports = where ? [el("p", { class: "small" }, words.t("line.ports", { port: String(where.port), host: where.host }))] : [];
    const narrow = this.#narrow();
    const admin = [...figures, ...(narrow.length ? narrow : ports)];
    return el(
      "div",
      { class: "notice warn" },
      el("h2", {}, words.t(`line.${state}.title`)),
      el("p", {}, words.t(`line.${state}.${help}`)),
      ...(admin.length ? [el("details", {}, el("summary", {}, words.t("line.admin")), ...admin)] : []),
      el("div", { class: "row" }, this.#again(), ...(state === "blocked" ? phoneLine(words, this.phone) : [])),
    );
  }

  /** What is only for whoever looks after the network: that UDP is shut out, and by which way it goes instead. */
  #narrow() {
    const [where, ways] = [this.#line.where, this.#ways];
    if (!where || !ways || ways.udp !== false || !(ways.tcp || ways.relay)) return [];
    const said = this.#words.t(ways.tcp ? "line.only_tcp" : "line.only_relay", { port: String(where.port), host: where.host });
    return [el("p", { class: "small" }, said)];
  }

  #again() {
    const again = el("button", { type: "button", class: "button small" }, this.#words.t("line.again"));
    again.addEventListener("click", () => void this.start());
    return again;
  }
}
