// Predict, then reveal: answers are hidden, who looks on bets on a word for each item, and then it plays.

import { TAU } from "./numbers.js";
import { css } from "./drawing.js";
import { el } from "./dom.js";
import { surprising } from "./story.js";
import { missedBy } from "./truth.js";

const DROP_REACH = 36; // px around a star, within which an item is dropped on it
const MOST_TOLD = 5; // sentences of the path that surprised most

/** @typedef {"off"|"asking"|"playing"|"scored"} GameStage */

/** The game: asking, then playing, then the score. */
export class Prediction {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** @type {GameStage} */ this.stage = "off";
    /** @type {Map<number, number>} word by item */ this.bets = new Map();
    /** The item that is asked for. */ this.item = 0;
    /** Whether bets are placed elsewhere, on phones; here answers are only hidden. */ this.elsewhere = false;
    /** @type {{item: number, at: Point}|null} the item that is drawn along */ this.dragged = null;
    this.element = el("section", { class: "sp-predict", "aria-label": "Predict", "data-testid": "predict", hidden: true });
  }

  /** Whether nothing may tell where an item ends. */
  get hides() {
    return this.stage === "asking";
  }

  load() {
    this.bets.clear();
    if (this.stage !== "off" && !this.elsewhere) this.#enter("off");
  }

  /**
   * Begin with no bet, or leave.
   * @param {boolean} [on]
   */
  start(on = this.stage === "off") {
    this.bets.clear();
    this.item = 0;
    this.elsewhere = false;
    this.#enter(on ? "asking" : "off");
  }

  /**
   * Hide answers for as long as others are asked; play when they no longer are.
   * @param {boolean} asked
   */
  askElsewhere(asked) {
    if (asked === (this.elsewhere && this.stage === "asking")) return;
    this.elsewhere = asked;
    if (asked) this.#enter("asking");
    else if (this.stage === "asking") this.#enter("off", true);
  }

  /** Bets are over: all that was hidden plays. */
  reveal() {
    if (this.stage !== "asking" || this.elsewhere) return;
    this.#enter("playing");
    if (this.player.motion.matches) this.player.seek(this.player.journey.last);
    else this.player.replay();
  }

  /** @param {GameStage} stage @param {boolean} [plays] */
  #enter(stage, plays = false) {
    const { player } = this;
    this.stage = stage;
    const shown = stage !== "off" && !this.elsewhere;
    this.element.hidden = !shown;
    player.root.dataset.predict = stage;
    player.root.classList.toggle("is-predicting", shown);
    player.root.classList.toggle("is-hiding", this.hides);
    player.parts.predict.setAttribute("aria-pressed", String(shown));
    player.transport.scrub.disabled = this.hides;
    player.hover(null);
    if (this.hides) {
      player.showStills(false);
      player.clearSelection();
      if (player.highlight !== null) player.clearHighlight(); // it dims who has another answer
      if (player.lassoing) player.toggleLasso();
      player.pause();
      player.seek(0);
    }
    if (plays) player.replay();
    // On a phone the panel stands below the map, and what is told now may be out of sight.
    if (stage === "playing") player.parts.mapStage.scrollIntoView({ block: "nearest" });
    if (stage === "scored") this.element.scrollIntoView({ block: "nearest" });
    player.map.heads.sprites.clear();
    player.lastStep = -1;
    this.#draw();
    player.layout.resize();
    player.invalidate(true);
  }

  /** @param {number} step */
  showStep(step) {
    if (this.stage !== "playing" || step < this.player.journey.last) return;
    this.#enter("scored");
  }

  /**
   * A word for an item; the next one without a bet is asked for.
   * @param {number} item @param {number} word
   */
  bet(item, word) {
    if (!this.hides || this.elsewhere) return;
    this.bets.set(item, word);
    const { items } = this.player.journey, order = [...items.keys()].map((i) => (item + 1 + i) % items.length);
    this.item = order.find((one) => !this.bets.has(one)) ?? item;
    this.#draw();
    this.player.invalidate();
  }

  // ---- the panel

  #draw() {
    if (this.element.hidden) return;
    this.element.replaceChildren(...(this.stage === "asking" ? this.#asking() : this.stage === "playing" ? [el("p", { class: "sp-lesson-text", text: "Watch where they go." })] : this.#score()));
  }

  /** @param {number} item @param {string} kind */
  #picture(item, kind) {
    const { thumbnail } = this.player.journey.items[item];
    return thumbnail ? el("img", { class: kind, src: thumbnail, alt: `picture ${item + 1}`, draggable: "false" }) : el("span", { class: `${kind} sp-no-picture` });
  }

  #asking() {
    const { journey } = this.player, { items, classes } = journey, { item } = this;
    const strip = items.map((_, i) => el(
      "button", { type: "button", class: `sp-predict-pick${this.bets.has(i) ? " is-bet" : ""}`, "aria-label": `picture ${i + 1}`, "aria-pressed": String(i === item), on: { click: () => { this.item = i; this.#draw(); } } },
      this.#picture(i, "sp-predict-small"),
    ));
    const words = classes.map(({ name }, word) => el("button", {
      type: "button", class: "sp-lesson-option", text: name, "data-testid": "predict-word", "aria-pressed": String(this.bets.get(item) === word), on: { click: () => this.bet(item, word) },
    }));
    const { size } = this.bets;
    return [
      el("h3", { class: "sp-lesson-title", text: "Where will it land?" }),
      el("div", { class: "sp-predict-now" }, this.#picture(item, "sp-predict-large"), el("p", { text: `picture ${item + 1} of ${items.length}. Choose its word, or drag a picture on the map to a star.` })),
      el("div", { class: "sp-lesson-options sp-predict-words" }, ...words),
      el("div", { class: "sp-predict-strip" }, ...strip),
      el("button", { type: "button", class: "sp-lesson-button is-next", "data-testid": "predict-play", text: size ? `Play: ${size} of ${items.length} bet` : "Play without a bet", on: { click: () => this.reveal() } }),
    ];
  }

  #score() {
    const { journey } = this.player, { items, classes } = journey;
    /** @param {number} item */
    const truth = (item) => { const missed = missedBy(journey, item); return missed ? `, truth: “${missed.name}”` : ""; };
    const hits = [...this.bets].filter(([item, word]) => items[item].answer === word).length;
    const rows = [...this.bets].sort(([a], [b]) => a - b).map(([item, word]) => el(
      "li", { class: items[item].answer === word ? "is-right" : "is-wrong" }, this.#picture(item, "sp-predict-small"),
      el("span", { text: items[item].answer === word ? `“${classes[word].name}”, as you said${truth(item)}` : `you: “${classes[word].name}”, SeDA: “${classes[items[item].answer].name}”${truth(item)}` }),
    ));
    return [
      el("h3", { class: "sp-lesson-title", "data-testid": "predict-score", text: this.bets.size ? `You and SeDA agree on ${hits} of ${this.bets.size}` : "Nobody has bet" }),
      ...this.#surprise(),
      el("ol", { class: "sp-predict-list" }, ...rows),
      el("div", { class: "sp-lesson-options" },
        el("button", { type: "button", class: "sp-lesson-button", text: "Once more", on: { click: () => this.start(true) } }),
        el("button", { type: "button", class: "sp-lesson-button", text: "Close", on: { click: () => this.start(false) } })),
    ];
  }

  /** The item whose answer was least expected, told by its path. */
  #surprise() {
    const item = surprising(this.player.journey, this.bets);
    if (item < 0) return [];
    const { name, sentences } = this.player.journey.items[item];
    const told = sentences.length > MOST_TOLD ? [...sentences.slice(0, 2), ...sentences.slice(2 - MOST_TOLD)] : sentences;
    return [
      el("div", { class: "sp-predict-now" }, this.#picture(item, "sp-predict-large"), el("p", { text: `The most surprising one: ${name}.` })),
      el("ol", { class: "sp-predict-told", "data-testid": "predict-told" }, ...told.map(([step, text]) => el("li", {}, el("button", { type: "button", text, on: { click: () => this.player.goTo(step) } })))),
    ];
  }

  // ---- on the map

  /**
   * An item that is drawn along by the pointer; -1 ends it.
   * @param {number} item @param {Point} at
   */
  drag(item, at) {
    this.dragged = item < 0 ? null : { item, at };
    this.player.invalidate();
  }

  /**
   * Let go of an item: at a star it is a bet, elsewhere it is the one that is asked for.
   * @param {number} item @param {Point} at
   */
  drop(item, at) {
    this.dragged = null;
    const { textPoints } = this.player.map.landmarks, gaps = textPoints.map(({ x, y }) => Math.hypot(x - at.x, y - at.y));
    const word = gaps.indexOf(Math.min(...gaps));
    if (gaps[word] <= DROP_REACH) this.bet(item, word);
    else this.item = item;
    this.#draw();
    this.player.invalidate();
  }

  /**
   * Bets as dashed lines from the items to their words, while they may still change.
   * @param {CanvasRenderingContext2D} ctx
   */
  drawBets(ctx) {
    if (!this.hides) return;
    const { map, theme } = this.player, { textPoints, starRadius } = map.landmarks;
    for (const [item, word] of this.bets) {
      const from = map.heads.places[item], to = textPoints[word];
      ctx.setLineDash([6, 5]);
      ctx.lineWidth = 1.6;
      ctx.strokeStyle = css(theme.ink, 0.55);
      ctx.beginPath();
      ctx.moveTo(from.x, from.y);
      ctx.lineTo(to.x, to.y);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.arc(to.x, to.y, starRadius * 1.5, 0, TAU);
      ctx.stroke();
    }
    if (this.dragged) map.heads.drawAt(ctx, this.dragged.item, this.dragged.at);
  }
}
