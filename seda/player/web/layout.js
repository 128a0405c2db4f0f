// The player's elements: how they stand on the page, how large they are, and what they say of the journey and of its map.

import { scoreText, thinningText } from "./numbers.js";
import { Theme } from "./drawing.js";
import { el, iconButton } from "./dom.js";
import { paintTrustKey } from "./flags.js";
import { paintSwatch } from "./legend.js";
import { STRAY, wrongAnswers, wrongText } from "./truth.js";
import { paintTetherKey, paintWrongKey } from "./truth_mark.js";

/**
 * @typedef {Record<"title"|"centerKey"|"textKey"|"knownKey"|"curveCard"|"note"|"caption"|"live"|"mapNote"|"mapScores"|"mapThinning"|"settings"|"mapKey"|"mapButtons"|"trust"|
 *   "predict"|"lasso"|"stills"|"sideButton"|"mapTools"|"wrongText"|"showAll"|"mapStage"|"curveWhose"|"commitment"|"curveStage", HTMLElement> &
 *   Record<"ghost"|"follow"|"wrong", HTMLButtonElement>} Parts
 */

const NARROW = 700; // px of width: below, everything stands below one another
const WIDE = 1100; // px of width: from here on the curves stand beside the map, below they follow under it
const SHORT = 520; // px of the window's height: below, only map and playback come before what is to be read
const SHOWN_SCORES = ["trustworthiness", "continuity"]; // the others are the aligner's page's

/** Builds the elements around the map and the curves. */
export class Layout {
  /** @param {Player} player whose map, curves and cards are there already */
  constructor(player) {
    this.player = player;
    /** Whether the curves stand beside the map, where there is room. */ this.sideShown = true;
    /** @type {HTMLElement[]} */ this.mapButtons = [];
    this.parts = /** @type {Parts} */ ({});
    this.root = this.#build();
    this.root.dataset.trust = "true";
    this.sizes = new ResizeObserver(() => this.resize());
  }

  /** @param {Listen} on */
  listen(on) {
    on(document, "fullscreenchange", () => this.resize());
    on(window, "resize", () => this.resize());
    // A colour transition of almost no length tells when Streamlit's or the system's theme has changed.
    on(this.root, "transitionend", (event) => event.target === this.root && this.restyle());
    const { mapStage, mapKey, mapTools, curveStage } = this.parts; // key and tools lie over the map, which leaves them room
    for (const element of [this.root, mapStage, mapKey, mapTools, curveStage]) this.sizes.observe(element);
  }

  /** @param {Journey} journey */
  load(journey) {
    const { parts } = this;
    const { ghost } = journey;
    parts.title.textContent = journey.title;
    parts.note.textContent = journey.note;
    parts.note.hidden = !journey.note;
    parts.ghost.hidden = !ghost;
    const { wrong, known } = wrongAnswers(journey);
    parts.wrong.hidden = known === 0;
    parts.wrong.disabled = wrong.length === 0;
    parts.wrongText.textContent = wrongText(journey) || "no answer is known to be wrong"; // a control has a name, hidden or not
    parts.ghost.title = ghost ? `The picture before, to compare (g). What differs: ${ghost.changes.join("; ")}.` : "";
    this.#buildSettings(journey);
    this.#buildMapButtons(journey);
  }

  /** Draw paths as strongly as the map can be trusted, or all alike. */
  toggleTrust() {
    const { player, parts } = this;
    player.trust = !player.trust;
    parts.trust.setAttribute("aria-pressed", String(player.trust));
    this.root.dataset.trust = String(player.trust);
    parts.mapKey.classList.toggle("is-plain", !player.trust);
    player.invalidate(true);
  }

  /** Fold the curves away, or bring them back. */
  toggleSide() {
    this.sideShown = !this.sideShown;
    this.parts.sideButton.setAttribute("aria-pressed", String(this.sideShown));
    this.root.classList.toggle("is-folded", !this.sideShown);
    this.resize();
  }

  /** The player alone on the screen, or back; where the browser allows it. */
  toggleFullScreen() {
    const around = /** @type {Document|ShadowRoot} */ (this.root.getRootNode());
    const shown = around.fullscreenElement ?? document.fullscreenElement;
    if (shown) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {}); // a frame that does not allow it stays as it is
  }

  /** Name, key and sentences of the map that is shown. */
  describeMap() {
    const { player, parts } = this;
    const { journey } = player;
    const { map } = player.view;
    player.hover(null);
    this.root.dataset.map = map.name;
    player.camera.showZoom();
    parts.mapStage.classList.toggle("is-solid", map.solid);
    this.mapButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === player.mapIndex)));
    const turn = map.solid ? " Drag or shift and arrows turn it." : "";
    parts.mapStage.setAttribute(
      "aria-label", `Map of the journey, ${map.label}. Space plays, arrows step, h goes to the hand-over, plus and minus zoom, m shows the next map.${turn}`,
    );
    parts.ghost.disabled = !map.ghost;
    const marks = { break: map.flags.includes(1), ring: map.flags.includes(-1), tether: map.strays.length > 0 };
    for (const [shape, drawn] of Object.entries(marks)) {
      const key = parts.mapKey.querySelector(`[data-shape=${shape}]`)?.parentElement;
      if (key) key.hidden = !drawn;
    }
    const scores = SHOWN_SCORES.filter((name) => name in map.scores).map((name) => `${name} ${scoreText(map.scores[name])}`);
    parts.mapNote.textContent = map.note;
    parts.mapScores.textContent = scores.length ? `How far to trust this map: ${scores.join(" · ")}` : "";
    parts.mapThinning.textContent = thinningText(journey.referenceLabels.length, journey.referenceTotal);
  }

  /** Fit everything to the room that there is now. */
  resize() {
    const { player, parts } = this;
    const width = this.root.clientWidth, narrow = width < NARROW;
    this.root.classList.toggle("is-narrow", narrow);
    this.root.classList.toggle("is-stacked", !narrow && width < WIDE);
    this.root.classList.toggle("is-short", window.innerHeight < SHORT);
    const map = parts.mapStage.getBoundingClientRect();
    const curve = parts.curveStage.getBoundingClientRect();
    if (map.width < 2 || map.height < 2) return;
    // On wide screens the controls and the key lie over the map; nothing is fitted below them.
    const top = narrow ? 4 : parts.mapTools.offsetHeight + 14, bottom = narrow ? 4 : parts.mapKey.offsetHeight + 16;
    parts.mapStage.style.setProperty("--sp-top", `${top}px`);
    parts.mapStage.style.setProperty("--sp-bottom", `${bottom}px`);
    if (!player.stillsShown) {
      player.view.frame(map.width, map.height, { top, bottom, type: player.theme.type });
      player.map.resize(map.width, map.height);
    }
    player.curves.resize(Math.max(curve.width, 2), Math.max(curve.height, 2));
    player.stills.resize();
    player.invalidate(true);
  }

  /** Take over the colours of the page, if they have changed. */
  restyle() {
    const { player } = this;
    const theme = new Theme(this.root);
    if (theme.key === player.theme.key) return;
    player.theme = theme;
    this.#paintKey();
    for (const part of player.displays) part.restyle?.();
    player.invalidate(true);
  }

  #build() {
    const { player, parts } = this;
    parts.title = el("h2", { class: "sp-title" });
    parts.note = el("p", { class: "sp-note", "data-testid": "story" });
    parts.caption = el("p", { class: "sp-caption", "data-testid": "player-caption" });
    parts.live = el("p", { class: "sp-hidden", role: "status", "aria-live": "polite", "data-testid": "live-status" });
    parts.mapNote = el("span", { "data-testid": "map-note" });
    parts.mapScores = el("p", { class: "sp-map-scores", "data-testid": "map-scores" });
    parts.mapThinning = el("span", { "data-testid": "map-thinning" });
    parts.settings = el("dl", { class: "sp-settings" });
    const details = el("details", { class: "sp-details", "data-testid": "settings" }, el("summary", { text: "Settings and trust" }), parts.mapScores, parts.settings);
    return el(
      "section", { class: "sp-root", "aria-label": "Journey player", "data-testid": "player-root", "data-stills": "false" },
      el("span", { class: "sp-accent-probe", "aria-hidden": "true" }),
      el(
        "div", { class: "sp-screen" },
        el("header", { class: "sp-header" }, parts.title, parts.caption),
        parts.note,
        el("div", { class: "sp-main" }, this.#buildMap(), this.#buildSide()),
        player.presentation.story,
        player.transport.element,
      ),
      player.gallery.element,
      el("div", { class: "sp-below" }, el("p", { class: "sp-map-line" }, parts.mapNote, " ", parts.mapThinning), details),
      player.report.element,
      parts.live,
      player.tooltip.element,
      player.presentation.pointer,
      player.presentation.black,
    );
  }

  #buildMap() {
    const { player, parts } = this;
    /** @param {string} shape @param {string} text @param {string} title */
    const key = (shape, text, title) => {
      const wide = ["trust", "break", "ring", "tether"].includes(shape);
      const canvas = el("canvas", {
        class: `sp-key-shape${wide ? " is-wide" : ""}`, "data-shape": shape, width: wide ? 52 : 32, height: 32, "aria-hidden": "true",
      });
      return el("span", { title }, canvas, el("span", { text }));
    };
    parts.centerKey = key("diamond", "category", "center of a category that the model has learned");
    parts.textKey = key("star", "", "class text");
    parts.knownKey = key("circle", "", "feature that the map shows beside those that travel");
    parts.wrongText = el("span");
    parts.wrong = el(
      "button", {
        type: "button", class: "sp-key-wrong", "data-testid": "wrong-key", title: "The answer is not the word that the picture is labelled with. Press to select these pictures",
        on: { click: () => player.selectAll(wrongAnswers(player.journey).wrong) },
      },
      el("canvas", { class: "sp-key-shape", "data-shape": "wrong", width: 32, height: 32, "aria-hidden": "true" }), parts.wrongText,
    );
    parts.mapKey = el(
      "div", { class: "sp-map-key", "data-testid": "map-key" },
      el(
        "div", {}, parts.centerKey, parts.textKey, parts.knownKey,
        key("tether", STRAY, "no map of few dimensions keeps all distances: this one draws the end nearer to another word than to its own"),
      ),
      el(
        "div", { class: "sp-key-trust" }, key("trust", "solid: trust the map here", "strong where a state's neighbours in feature space are its neighbours on the map"),
        key("break", "the map exaggerates", "the map jumps here, the features do not"), key("ring", "the map hides a jump", "the features jump here, the map does not"),
      ),
      parts.wrong,
    );
    /** @param {string} text @param {string} testId @param {string} title @param {boolean} pressed @param {() => void} listener */
    const tool = (text, testId, title, pressed, listener) => el("button", {
      type: "button", class: `sp-tool is-${testId}`, text, "aria-pressed": String(pressed), "data-testid": testId, title, on: { click: listener },
    });
    parts.mapButtons = el("div", { class: "sp-maps", role: "group", "aria-label": "Map" });
    parts.trust = tool("Trust", "trust", "Draw each path as strongly as the map can be trusted there (t)", true, () => this.toggleTrust());
    parts.ghost = tool("Before", "ghost", "", true, () => player.toggleGhost());
    parts.lasso = tool("Lasso", "lasso", "Draw around items, on the map or among the curves, to select them (l; shift and drag does the same)", false, () => player.toggleLasso());
    parts.stills = tool("Stills", "stills-button", "Small still maps side by side, without motion (s)", false, () => player.showStills(!player.stillsShown));
    parts.sideButton = tool("Curves", "side-button", "The curves beside the map, or more room for the map (c)", true, () => this.toggleSide());
    parts.predict = tool("Predict", "predict-button", "Bet on where each picture lands, then see it (q)", false, () => player.prediction.start());
    parts.mapTools = el("div", { class: "sp-map-tools" }, parts.mapButtons, parts.trust, parts.ghost, parts.lasso, parts.stills, parts.predict, parts.sideButton);
    parts.follow = iconButton("follow", "Stay with the selected pictures (w)", "follow", () => player.camera.follow(!player.camera.following), { "aria-pressed": "false" });
    parts.showAll = iconButton("fit", "Show all (0)", "zoom-reset", () => player.camera.reset());
    parts.mapStage = el(
      "div", { class: "sp-map", tabindex: 0, role: "group", "data-testid": "map" },
      player.map.moving, player.stills.element,
      el(
        "div", { class: "sp-zoom" },
        parts.follow,
        iconButton("plus", "Zoom in", "zoom-in", () => player.camera.zoomBy(1.5)),
        iconButton("minus", "Zoom out", "zoom-out", () => player.camera.zoomBy(1 / 1.5)),
        parts.showAll,
      ),
    );
    return el("div", { class: "sp-map-column" }, parts.mapTools, parts.mapStage, parts.mapKey);
  }

  /** @param {Journey} journey */
  #buildMapButtons({ maps, classes, centers, referenceLabels, wording, answered }) {
    const { player, parts } = this;
    parts.centerKey.hidden = !centers.length;
    parts.textKey.hidden = parts.curveCard.hidden = !classes.length;
    parts.knownKey.hidden = !referenceLabels.length;
    const [, known] = Array.from(parts.knownKey.children);
    known.textContent = wording.known;
    const [, text] = Array.from(parts.textKey.children);
    text.textContent = wording.text;
    parts.predict.hidden = !answered || classes.length < 2;
    this.mapButtons = maps.map((map, index) => el("button", {
      type: "button", text: map.label, "aria-pressed": "false", title: "Show this map (m: the next one)", "data-testid": "map-button", "data-name": map.name,
      on: { click: () => player.showMap(index) },
    }));
    this.parts.mapButtons.replaceChildren(...this.mapButtons);
    this.parts.mapButtons.hidden = maps.length < 2;
    this.#paintKey();
  }

  #paintKey() {
    const { player } = this;
    for (const canvas of Array.from(this.parts.mapKey.querySelectorAll("canvas"))) {
      const { shape = "" } = canvas.dataset;
      if (["trust", "break", "ring"].includes(shape)) paintTrustKey(canvas, shape, player.theme);
      else if (shape === "wrong") paintWrongKey(canvas, player.theme);
      else if (shape === "tether") paintTetherKey(canvas, player.theme);
      else paintSwatch(canvas, shape, player.theme.muted);
    }
  }

  #buildSide() {
    const { player, parts } = this;
    parts.curveWhose = el("span", { class: "sp-whose", "data-testid": "curve-whose" });
    parts.commitment = el("p", { class: "sp-commitment", "data-testid": "commitment" });
    parts.curveStage = el("div", { class: "sp-curves", role: "img" }, player.curves.base, player.curves.moving);
    const heading = el("h3", { class: "sp-side-title", title: "Cosine similarity of the state to each class text" }, el("span", { text: "How near to each word" }), parts.curveWhose);
    parts.curveCard = el("div", { class: "sp-curve-card" }, heading, parts.curveStage, parts.commitment);
    return el(
      "aside", { class: "sp-side" }, player.lesson.element, player.prediction.element,
      parts.curveCard, player.neighbors.element, player.legend.element,
    );
  }

  /** @param {Journey} journey */
  #buildSettings(journey) {
    const total = journey.referenceTotal, shown = journey.referenceLabels.length;
    const reference = shown < total ? `${shown.toLocaleString("en")} of ${total.toLocaleString("en")}` : total.toLocaleString("en");
    const lines = [[journey.nouns(2), String(journey.items.length)], ["steps", String(journey.last)], [`${journey.wording.known}s shown`, reference], ...journey.settings];
    this.parts.settings.replaceChildren(...lines.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  }

  stop() {
    this.sizes.disconnect();
  }
}
