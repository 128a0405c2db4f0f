// The stand: examples in a loop, a picture of a visitor's own, and back to the beginning when nobody is there. No word of it leaves the
// page but a picture that a visitor hands in, and that goes to the page's own server.

import { clamp } from "./numbers.js";
import { el } from "./dom.js";
import { Player } from "./player_state.js";
import { playedOrder, readSettings } from "./stand_settings.js";
import { Asking } from "./stand_asking.js";

/** @typedef {{name: string, title: string, note: string, words: string[]}} Told  what the server tells of an example */

const REST = 4; // seconds on the last frame, before the next example
const TICK = 250; // ms between two looks at the clock
const AGAIN = 15; // seconds until what could not be fetched is asked for again
const PATIENCE = 60; // seconds for an answer; a network that is lost is silent for longer
const ON_ITS_WAY = 240; // seconds for a picture's, which stands in line

/** One stand, for as long as its page is open. */
export class Stand {
  /** @param {HTMLElement} host @param {import("./stand_settings.js").StandSettings} settings */
  constructor(host, settings) {
    this.host = host;
    this.settings = settings;
    /** @type {Map<string, Payload>} journeys by name, once they have come */ this.journeys = new Map();
    /** @type {Told[]} */ this.told = [];
    /** @type {string[]} what is played, in order */ this.order = [];
    this.index = -1;
    /** @type {Player|null} */ this.player = null;
    /** Whether a visitor is there. */ this.visited = false;
    /** Whether a picture of a visitor's is on the screen. */ this.own = false;
    this.touched = performance.now();
    /** When the last frame was reached, ms; 0 before. */ this.arrived = 0;
    this.loops = 0;
    this.asking = new Asking(this);
    this.caption = el("p", { class: "sp-stand-note" });
    this.own_button = el("button", { type: "button", class: "sp-stand-own", "data-testid": "stand-own", hidden: true, text: "Try a picture of your own", on: { click: () => this.asking.show() } });
    this.attract = el(
      "button", { type: "button", class: "sp-stand-attract", "data-testid": "stand-attract", on: { click: () => this.visit() } },
      el("span", {}, el("strong", { text: settings.title }), el("i", { text: "Touch to begin" })),
    );
    this.bar = el(
      "div", { class: "sp-stand-bar" },
      el("button", { type: "button", class: "sp-stand-step", "data-testid": "stand-before", text: "‹", "aria-label": "The example before", on: { click: () => this.show(this.index - 1) } }),
      this.own_button,
      el("button", { type: "button", class: "sp-stand-step", "data-testid": "stand-next", text: "›", "aria-label": "The next example", on: { click: () => this.show(this.index + 1) } }),
    );
    document.body.append(this.bar, this.attract, this.asking.element);
    this.#guard();
    setInterval(() => this.#tick(), TICK);
  }

  async begin() {
    if ("serviceWorker" in navigator) navigator.serviceWorker.register("stand/worker.js", { scope: "./" }).catch(() => {}); // without one it only cannot be loaded anew offline
    const version = await this.#list();
    const { replays, old } = await this.asking.keptReplays(version).catch(() => ({ replays: [], old: [] })); // a browser may keep nothing
    this.asking.old = old;
    for (const { name, payload } of replays) this.journeys.set(name, payload);
    this.order = playedOrder(this.settings.play, this.told.map(({ name }) => name), replays.map(({ name }) => name));
    await this.#fetchAll();
  }

  /** What there is to play; asked for until there is something. @returns {Promise<number>} version of the payloads */
  async #list() {
    for (;;) {
      try {
        const { examples, takes, version } = await this.fetched("_seda/stand/list");
        this.told = examples;
        this.own_button.hidden = !(takes && this.settings.own);
        if (examples.length) return version;
      } catch {
        // asked for again below
      }
      await new Promise((go) => setTimeout(go, 1000 * AGAIN));
    }
  }

  /** All journeys, so that none is missed when the network is. */
  async #fetchAll() {
    for (;;) {
      for (const name of this.order) {
        try {
          if (!this.journeys.has(name)) this.journeys.set(name, await this.fetched(`_seda/stand/journey/${encodeURIComponent(name)}`));
          if (!this.player) this.show(this.order.indexOf(name));
        } catch {
          // asked for again below
        }
      }
      if (this.order.every((name) => this.journeys.has(name))) return;
      await new Promise((go) => setTimeout(go, 1000 * AGAIN));
    }
  }

  /**
   * A JSON answer of the server's.
   * @param {string} path below the app's address @param {RequestInit} [options] @returns {Promise<any>} what is wrong is thrown as a sentence
   */
  async fetched(path, options = {}) {
    const given = new AbortController(), timer = setTimeout(() => given.abort(), 1000 * (options.method === "POST" ? ON_ITS_WAY : PATIENCE));
    options.signal?.addEventListener("abort", () => given.abort());
    let answer, text;
    try {
      answer = await fetch(path, { ...options, signal: given.signal });
      text = await answer.text();
    } catch {
      throw new Error("The server cannot be reached; the examples go on.");
    } finally {
      clearTimeout(timer);
    }
    const told = readAnswer(text);
    if (!answer.ok || told.error) throw new Error(told.error ?? "The server has refused this.");
    return told;
  }

  // ---- what is on the screen

  /**
   * An example, by its place in the order; the next that has come where it has not.
   * @param {number} index
   */
  show(index) {
    const count = this.order.length;
    for (let i = 0; i < count; i++) {
      const at = (((index + i) % count) + count) % count, journey = this.journeys.get(this.order[at]);
      if (!journey) continue;
      if (at <= this.index) this.loops += 1;
      this.index = at;
      this.own = false;
      this.#load(journey);
      return;
    }
  }

  /**
   * A visitor's own.
   * @param {Payload} payload
   */
  showOwn(payload) {
    this.own = true;
    this.#load(payload);
  }

  /** @param {Payload} payload */
  #load(payload) {
    this.arrived = 0;
    // the map that a visitor has chosen stays until nobody is there any more
    const chosen = this.visited ? this.player?.journey.maps[this.player.mapIndex]?.name : undefined;
    if (!this.player) {
      this.player = new Player(this.host, payload, { kiosk: true });
      this.player.presentation.show(true);
      this.player.clock.speed = this.settings.speed;
      this.player.root.dataset.captions = String(this.settings.captions);
    } else {
      this.player.load(payload);
    }
    const { player } = this, { maps } = player.journey;
    const map = maps.find(({ name }) => name === chosen) ?? maps.find(({ name }) => name === this.settings.map);
    if (map) player.showMap(maps.indexOf(map));
    player.clearSelection();
    player.replay();
    document.body.dataset.stand = this.own ? "own" : this.order[this.index];
  }

  // ---- visitors come and go

  visit() {
    this.touched = performance.now();
    this.visited = true;
    document.body.classList.add("is-visited");
  }

  /** Nobody is there any more: all of the visitor's goes, and it begins anew. */
  #reset() {
    this.visited = false;
    document.body.classList.remove("is-visited");
    this.asking.hide();
    const { player } = this;
    player?.camera.reset();
    player?.clearHighlight();
    player?.showMap(0); // the address's own, where it names one, comes with what is shown next
    this.show(0);
  }

  #tick() {
    const { player, settings } = this;
    if (!player) return;
    const now = performance.now();
    if (this.visited && now - this.touched > 1000 * settings.idle && !this.asking.busy) return this.#reset();
    const ended = !player.clock.playing && player.step >= player.journey.last;
    if (!ended) this.arrived = 0;
    else if (!this.arrived) this.arrived = now;
    else if (!this.visited && now - this.arrived > (1000 * REST) / settings.speed) this.show(this.index + 1);
    if (!this.visited && !player.clock.playing && !ended) player.play(); // somebody has paused it, and left
  }

  /** No way out: neither by gestures, nor back, nor by a menu. */
  #guard() {
    for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) document.addEventListener(name, () => { if (this.visited) this.touched = performance.now(); }, { passive: true });
    document.addEventListener("keydown", () => this.visit());
    for (const name of ["contextmenu", "dragstart", "gesturestart"]) document.addEventListener(name, (event) => event.preventDefault());
    document.addEventListener("wheel", (event) => { if (event.ctrlKey) event.preventDefault(); }, { passive: false });
    window.history.pushState(null, "", window.location.href);
    window.addEventListener("popstate", () => window.history.pushState(null, "", window.location.href));
  }
}

/** @param {string} text @returns {any} */
function readAnswer(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { error: "The server's answer cannot be read." };
  }
}

/**
 * Begin; the address says how.
 * @param {HTMLElement} host
 */
export function startStand(host) {
  const settings = readSettings(new URLSearchParams(window.location.search));
  document.documentElement.dataset.theme = settings.theme;
  const stand = new Stand(host, { ...settings, speed: clamp(settings.speed, 0.25, 8) });
  Object.assign(window, { sedaStand: stand }); // for tests and benchmarks
  stand.begin();
}
