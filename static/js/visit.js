// The visit page begins here: takes the code out of the address, finds out which visit it is for, and leads to the check screen.

import { codeIn, visitPathIn } from "./address.js";
import { lateOf, redeem, reportCheck, session, site } from "./api.js";
import { Devices } from "./devices.js";
import { Words } from "./i18n.js";
import { backoff } from "./backoff.js";
import { measure } from "./check.js";
import { keepPlace, placeIn } from "./comeback.js";
import { waysOut } from "./ladder.js";
import { Language } from "./language.js";
import { Lateness } from "./late.js";
import { outcomeOf, Report } from "./report.js";
import { BirthDate } from "./ui/birth.js";
import { Call } from "./ui/call.js";
import { Check } from "./ui/check.js";
import { Checks } from "./ui/checks.js";
import { Consent } from "./ui/consent.js";
import { browserName } from "./ui/faults.js";
import { addChooser, spoken } from "./ui/languages.js";
import { unmeasured } from "./ui/linecheck.js";
import { Live } from "./ui/live.js";
import { Message } from "./ui/message.js";
import { fillWords, Screens } from "./ui/screens.js";
import { box } from "./ui/dom.js";

/** @import {Redeemed, VisitSeen} from "./api.js" */

document.body.dataset.started = "";

/** Where a code waits until it is redeemed, so that a reload while it is too early does not lose it. Gone with the tab. */
const kept = "housecall.code";

/** The code while this page lives, for whoever must open the link elsewhere. */
let mine = "";

/** A code in the address is taken out of it before anything else: nobody reads it over a shoulder, no history keeps it. */
function takeCode() {
  const found = codeIn(location.hash);
  if (found.kind === "none") return;
  mine = found.kind === "code" ? found.code : "";
  sessionStorage.setItem(kept, mine);
  history.replaceState(null, "", "/v");
}

takeCode();

/** Puts the code back into the address, where this browser can't show a visit: "open in browser" takes it along. @returns {string} the link, "" for none */
function giveBack() {
  if (mine === "") return "";
  history.replaceState(null, "", `/v#${mine}`);
  return location.href;
}

/** When opening is called slow (milliseconds). */
const slowAfter = 6000;
/** Longest single wait of a timer that follows the clock (milliseconds): phones sleep, clocks are set. */
const longestTick = 30_000;
/** So long before it opens it may be told that the visit begins later (milliseconds). */
const lateWithin = 12 * 3600_000;

class Page {
  /** @type {VisitSeen | null} */
  #visit = null;
  #birthDate = "";
  #tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Language} language */
  constructor(language) {
    const { words } = language;
    this.language = language;
    this.words = words;
    this.screens = new Screens(words);
    this.message = new Message(words, this.screens);
    this.lateness = new Lateness(() => this.message.late(this.lateness.minutes));
    this.devices = new Devices(() => this.#devicesChanged());
    const live = new Live();
    this.birth = new BirthDate(words, (date) => {
      this.#birthDate = date;
      void this.open();
    });
    this.call = new Call({
      words,
      language,
      screens: this.screens,
      live,
      message: this.message,
      devices: this.devices,
      check: () => this.check,
      checks: () => this.checks,
      visit: () => /** @type {VisitSeen} */ (this.#visit),
      join: () => void this.join(),
    });
    this.consent = new Consent(words, this.screens, this.message, () => this.#check());
    this.checks = new Checks(words, this.devices, {
      measure: (signal) => this.#measure(signal),
      tryWays: async (signal) => (this.#visit ? waysOut(this.#visit.path, signal) : null),
      changed: () => (this.#report ? void this.#tell() : this.call.checked()),
    });
    this.check = new Check(words, this.devices, this.checks, {
      join: () => void (this.#report ? this.#tested() : this.join()),
      joinWithSound: () => void this.joinWithSound(),
      link: giveBack,
    });
    window.addEventListener("pagehide", () => this.#keepPlace());
  }

  /** Finds out which visit this is, by the code or by this browser's session. */
  async open() {
    clearTimeout(this.#timer);
    const code = sessionStorage.getItem(kept);
    const path = visitPathIn(location.pathname);
    if (code === "") return this.#deadEnd("not-found");
    if (code !== null) return this.#take(await redeem(code, this.#birthDate || undefined, this.#early));
    if (path) return this.#take(await session(path));
    this.#deadEnd("no-link");
  }

  /** A page from which no way leads on, but to the hospital: whose number it is, and whose page, has to be asked. @param {string} state */
  #deadEnd(state) {
    this.message.show(state);
    if (this.message.phone) return;
    void site().then(({ name, phone }) => {
      this.message.phone = phone;
      if (name) this.screens.site = name;
    });
  }

  /** @param {Redeemed} reply */
  #take(reply) {
    this.lateness.stop();
    if (reply.kind !== "later") this.#tries = 0;
    switch (reply.kind) {
      case "visit":
        return this.#arrive(reply.visit);
      case "birth_date_needed":
        return this.screens.show("birth", "asked-birth-date");
      case "birth_date_wrong":
        if (reply.triesLeft < 1) return this.#deadEnd("locked");
        this.screens.show("birth", "asked-birth-date");
        return this.birth.wrong(this.words.n("birth.wrong", reply.triesLeft));
      case "too_early":
        return this.#tooEarly(Date.parse(reply.opensAt), Date.parse(reply.startsAt), reply.skew);
      case "not_found":
        return this.#deadEnd(sessionStorage.getItem(kept) === null ? "gone" : "not-found");
      case "not_valid":
        if (this.#birthDate) return this.birth.wrong(this.words.t("birth.no_such_day"));
        return this.#deadEnd("not-found");
      case "later":
        if (this.#birthDate) return this.birth.wrong(this.words.t("birth.away"));
        return this.#away(reply.after);
      default:
        return this.#deadEnd(reply.kind);
    }
  }

  /** The server does not answer: say so, and keep trying. @param {number} after milliseconds, 0: not said */
  #away(after) {
    this.message.show("away", {}, [{ words: "action.retry", primary: true, act: () => void this.open() }]);
    this.#timer = setTimeout(() => void this.open(), Math.max(after, 4 * backoff(this.#tries++, Math.random())));
  }

  /**
   * Counts down, and opens when the time has come.
   * @param {number} opens milliseconds
   * @param {number} starts milliseconds
   * @param {number} skew the server's clock minus ours
   */
  #tooEarly(opens, starts, skew) {
    const { words } = this;
    const now = Date.now();
    const test = { words: "early.test", primary: true, act: () => this.#test() };
    this.message.show("too-early", () => ({ ...words.opening(opens, starts, now), zone: words.zoneName(starts) }), [test]);
    // A second or two of chance: not everybody whose visit opens on the hour should knock in one moment.
    const due = Math.max(opens - skew + 500 + 1500 * Math.random(), now + 3000);
    const code = sessionStorage.getItem(kept);
    const count = () => {
      const left = due - Date.now();
      if (left <= 0) {
        this.message.clock(words.t("clock.now"));
        return void this.open();
      }
      this.message.clock(words.t("clock.opens", { time: words.span(left) }));
      if (code && left < lateWithin) this.lateness.follow(() => lateOf(code));
      this.#timer = setTimeout(count, Math.min(left, left > 3600_000 ? longestTick : 1000));
    };
    count();
  }

  /** Whether the link is opened for a device check, which may be made before the visit opens. */
  #early = false;
  /** Tells how that goes; null: there is none. @type {Report | null} */
  #report = null;

  /** Tries camera, microphone and connection, days before the visit perhaps. */
  #test() {
    this.#early = true;
    this.message.note("");
    void this.open();
  }

  /** @param {VisitSeen} visit that has not opened */
  #arriveEarly(visit) {
    this.#report = new Report((check) => reportCheck(visit.path, check));
    this.check.early = true;
    this.check.describe(visit, Date.now());
    this.screens.show("check", "check-early");
    this.check.show();
    void this.check.arrive();
  }

  /** Tells the hospital how the check goes, once there is something to tell. */
  async #tell() {
    const result = this.checks.result();
    if (result.network === "unknown" && outcomeOf(result) === "part") return;
    await this.#report?.tell(result);
  }

  /** The person is done with the check: back to waiting for the day. */
  async #tested() {
    const report = this.#report;
    if (!report) return;
    this.check.busy(true);
    const result = this.checks.result();
    const told = await report.tell(result);
    this.#report = null;
    this.#early = this.check.early = false;
    this.checks.rest();
    this.check.hide();
    this.devices.stop();
    this.check.busy(false);
    await this.open();
    this.message.note(told ? `early.${outcomeOf(result)}` : "early.untold");
  }

  /** @param {VisitSeen} visit */
  async #arrive(visit) {
    await this.language.invite(visit.language ?? "");
    this.#visit = visit;
    this.#birthDate = "";
    if (visit.you.role === "observer") this.devices.watchOnly();
    this.screens.site = visit.site;
    this.message.phone = visit.phone ?? "";
    if (visit.early) return this.#arriveEarly(visit);
    this.#early = false;
    sessionStorage.removeItem(kept);
    history.replaceState(null, "", visitPathIn(visit.path) ?? "/v");
    if (visit.consent_needed) void this.consent.ask(visit);
    else this.#check();
  }

  #check() {
    if (!this.#visit) return;
    this.check.describe(this.#visit, Date.now());
    this.screens.show("check");
    const before = placeIn(this.#visit.visit);
    if (before) {
      if (this.devices.canSend) this.devices.wanted = { microphone: before.microphone, camera: before.camera };
      this.#soundOnly = before.sound;
      return void this.join();
    }
    this.check.show();
    void this.check.arrive();
  }

  /** In the tap, or when coming back: the elements first, since phones let them play only if made now; then the devices, which may ask. */
  async join() {
    if (this.call.running || !this.#visit) return;
    this.call.views.unlock();
    this.screens.show("check");
    this.check.busy(true);
    if (await this.check.ready()) {
      this.call.start(this.#soundOnly);
      this.#keepPlace();
    } else this.check.busy(false);
    this.#soundOnly = false;
  }

  /** No picture goes out or comes in: for a weak line, or somebody who would rather not be seen. */
  async joinWithSound() {
    this.call.views.unlock(); // in the tap, before anything is waited for
    this.#soundOnly = true;
    await this.devices.setCamera(false);
    await this.join();
  }

  #soundOnly = false;

  /** @param {AbortSignal} signal */
  async #measure(signal) {
    return this.#visit ? measure(this.#visit.path, signal) : unmeasured;
  }

  #devicesChanged() {
    if (["check", "check-early", "joining"].includes(document.body.dataset.state ?? "")) this.check.show();
    this.#keepPlace();
    this.call.devicesChanged();
  }

  /** So that a reload comes back by itself, and as I am now. */
  #keepPlace() {
    if (this.call.running && this.#visit) keepPlace(this.#visit.visit, { ...this.devices.wanted, sound: this.call.soundOnly });
  }
}

/** The hospital learns before the day that this browser can't show the visit; where it asks for a date of birth, it does not. */
async function tellUnsupported() {
  const reply = mine === "" ? null : await redeem(mine, undefined, true);
  if (reply?.kind !== "visit" || !reply.visit.early) return;
  const browser = browserName(navigator.userAgent, navigator.maxTouchPoints);
  const nothing = { camera: "unknown", microphone: "unknown", speaker: "unknown", network: "unknown", rtt_ms: -1, loss_pct: -1 };
  await reportCheck(reply.visit.path, /** @type {any} */ ({ ...nothing, browser, unsupported: true }));
}

async function begin() {
  const language = new Language(spoken());
  setTimeout(() => (box("opening-slow").hidden = false), slowAfter);
  language.words.follow(() => fillWords(language.words));
  const words = await language.begin();
  addChooser(language, box("language-place"));
  const message = new Message(words, new Screens(words));
  if (typeof RTCPeerConnection === "undefined") {
    void tellUnsupported();
    giveBack();
    return new Screens(words).show("unsupported");
  }
  if (!isSecureContext && !navigator.mediaDevices) return message.show("insecure");
  const page = new Page(language);
  // A link opened on top of this page only changes what is after the #.
  window.addEventListener("hashchange", () => {
    if (codeIn(location.hash).kind === "none") return;
    takeCode();
    location.reload();
  });
  await page.open();
}

// Perhaps not even the words came: what stands in the page itself is all there is to say.
begin().catch(() => new Screens(new Words({}, "en")).show("unloaded"));
