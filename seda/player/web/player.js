// The journey player: used by the Streamlit component (default export) and by the standalone HTML page (`mount`). It receives
// the payload of seda/player/payload.py once, keeps all play state in the browser, and reports step, selection and map when
// they have come to rest.
//
// A journey lies on several maps. Each is projected to the screen by its own view (`View`), flat, solid or a timeline;
// everything is then drawn in pixels, so that one map can turn into another by mixing two sets of pixels (`Scene`).
//
// Names that users typed reach the page through fillText and textContent only, never as markup.

import { clamp, mix, scoreText, thinningText } from "./numbers.js";
import { Journey } from "./payload.js";
import { Theme } from "./look.js";
import { el, iconButton } from "./dom.js";
import { Clock } from "./clock.js";
import { HOME, View } from "./view.js";
import { paintTrustKey } from "./flags.js";
import { MapPainter } from "./map.js";
import { CurvePainter } from "./curves.js";
import { CurveInput, MapInput } from "./map_input.js";
import { Gallery } from "./gallery.js";
import { Legend, paintSwatch, styleKey } from "./legend.js";
import { NeighborCard } from "./neighbors.js";
import { Report } from "./report.js";
import { Stills } from "./stills.js";
import { Tooltip } from "./tooltip.js";
import { Transport } from "./transport.js";

/** @typedef {{step: number, selection: number[], map: string, stills: boolean}} ViewState */
/**
 * @typedef {{height?: number, above?: number, start?: ViewState|null, address?: boolean, loop?: boolean,
 *   report?: (state: ViewState & {fingerprint: string}) => void}} Options  height: the least, px; above: px of the window that
 *   the page itself takes; start: what is shown first; address: whether the page's address tells what is shown
 */
/** @typedef {HTMLElement & {sedaPlayer?: Player}} Host  an element that keeps its player */
/** @typedef {Player} ThePlayer */
/**
 * @typedef {Record<"title"|"note"|"caption"|"live"|"mapNote"|"mapScores"|"mapThinning"|"settings"|"mapKey"|"mapButtons"|"trust"|
 *   "lasso"|"stills"|"sideButton"|"mapTools"|"showAll"|"mapStage"|"curveWhose"|"commitment"|"curveStage", HTMLElement> &
 *   Record<"ghost"|"follow", HTMLButtonElement>} Parts
 */

const NARROW = 700; // px of width: below, everything stands below one another
const WIDE = 1100; // px of width: from here on the curves stand beside the map, below they follow under it
const SHORT = 520; // px of the window's height: below, only map and playback come before what is to be read
const MORPH_SECONDS = 0.6;
const MOST_LISTED = 64; // selected items in an address
const FOLLOW_ZOOM = 2.2; // at least, while the view stays with items
const NAMES_SHARE = 0.3; // of those seconds, for names to fade in afterwards
/** @type {(keyof Pose)[]} */
const POSE = ["zoom", "panX", "panY", "yaw", "pitch"];
const SHOWN_SCORES = ["trustworthiness", "continuity"]; // the others are the aligner's page's

/** Controls, linked views and state. One per page element; a rerun only calls `update`. */
class Player {
  /** @param {ParentNode} host @param {Payload} payload @param {Options} options */
  constructor(host, payload, options) {
    this.options = options;
    /** @type {Journey} */ this.journey;
    /** @type {Clock} */ this.clock;
    /** @type {Theme} */ this.theme;
    /** @type {Host} */ this.root;
    /** @type {Parts} */ this.parts;
    /** @type {HTMLElement[]} */ this.mapButtons = [];
    /** @type {ResizeObserver} */ this.resizeObserver;
    /** @type {number|null} step that the position glides to */ this.glide = null;
    /** @type {Partial<Pose>|null} what the view moves to */ this.zoomGoal = null;
    /** What was told last, and what was asked for last. */ this.reported = this.asked = "";
    this.mapDirty = this.curvesDirty = this.destroyed = false;
    this.frameRequest = this.lastFrame = this.viewMovingUntil = this.legendShown = this.announced = 0;
    /** @type {number|undefined} */ this.settleTimer = undefined;
    /** @type {number|undefined} */ this.viewTimer = undefined;
    /** Calls that use this player; see `streamlitComponent`. */ this.owner = 0;
    /** @type {View[]} one for each map: zoom and turn stay with their map */ this.views = [];
    this.mapIndex = 0;
    /** Whether line strength shows trust. */ this.trust = true;
    /** Whether an earlier run is drawn. */ this.ghostShown = true;
    /** Whether the view stays with the selected items. */ this.following = false;
    /** Whether a drag draws a lasso. */ this.lassoing = false;
    /** Whether small still maps stand in for the moving one. */ this.stillsShown = false;
    /** Whether the curves stand beside the map, where there is room. */ this.sideShown = true;
    /** @type {Morph|null} */ this.morph = null;
    /** @type {Set<number>} */ this.selection = new Set();
    /** The item that was selected last, whose neighbours and sentences are shown; -1 for none. */ this.inspected = -1;
    /** @type {string|null} class style that is highlighted, as "#rrggbb symbol" */ this.highlight = null;
    this.hovered = -1;
    this.lastStep = -1;
    this.framesDrawn = 0;
    this.abort = new AbortController();
    this.motion = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.map = new MapPainter(this);
    this.curves = new CurvePainter(this);
    this.transport = new Transport(this);
    this.legend = new Legend(this);
    this.gallery = new Gallery(this);
    this.neighbors = new NeighborCard(this);
    this.report = new Report(this);
    this.stills = new Stills(this);
    this.tooltip = new Tooltip(this);
    this.#build();
    host.append(this.root);
    this.root.sedaPlayer = this; // for tests and benchmarks
    this.theme = new Theme(this.root);
    this.root.dataset.trust = "true";
    this.#listen();
    this.load(payload);
    this.update(options);
    if (options.loop) this.transport.toggleLoop();
    this.resize();
  }

  // ---- content

  /**
   * Show a journey. Another one plays from its beginning; the same pictures keep their selection, and the same paths (with a
   * ghost more, or refitted maps) everything.
   * @param {Payload} payload
   */
  load(payload) {
    /** @type {Journey|undefined} */ const before = this.journey;
    /** @type {Clock|undefined} */ const clock = this.clock;
    const journey = new Journey(payload);
    const samePictures = before?.pictures === journey.pictures, samePaths = before?.travelled === journey.travelled;
    const wanted = before?.maps[this.mapIndex].name;
    const { speed, loop, position, playing } = clock ?? { speed: 1, loop: false, position: 0, playing: false };
    const views = new Map(this.views.map((view) => [view.map.name, view]));
    this.journey = journey;
    this.views = journey.maps.map((map) => new View(map, samePictures ? views.get(map.name) : undefined));
    this.mapIndex = Math.max(0, journey.maps.findIndex((map) => map.name === wanted));
    this.morph = this.zoomGoal = this.glide = null;
    this.clock = new Clock(journey.last, journey.handOver);
    Object.assign(this.clock, { speed, loop });
    if (!samePictures) this.selection.clear();
    if (!samePaths) this.highlight = null;
    this.hovered = this.lastStep = -1;
    this.reported = "";
    this.root.dataset.fingerprint = journey.fingerprint;
    this.root.dataset.highlight = this.highlight ?? "";
    this.parts.title.textContent = journey.title;
    this.parts.note.textContent = journey.note;
    this.parts.note.hidden = !journey.note;
    this.parts.ghost.hidden = !journey.ghost;
    this.parts.ghost.title = journey.ghost ? `The picture before, to compare (g). What differs: ${journey.ghost.changes.join("; ")}.` : "";
    for (const part of [this.transport, this.legend, this.gallery, this.report, this.map, this.stills]) part.load(journey);
    this.#buildSettings();
    this.#buildMapButtons();
    this.#describeMap();
    this.legend.showHighlight();
    this.#selectionChanged(false);
    if (this.motion.matches && !before && !this.options.start) this.showStills(true);
    this.resize();
    if (samePaths) Object.assign(this.clock, { position, playing });
    else if (this.motion.matches) this.clock.position = journey.last;
    else if (!this.options.start || before) this.clock.play();
    this.invalidate(true);
  }

  /**
   * New options after a rerun: callbacks, height, and a state to show when Python asks for another one.
   * @param {Options} options
   */
  update(options) {
    this.options = options;
    // What is looked at together fills the window below the app's own header; `height` is the least.
    if (options.height) this.root.style.setProperty("--sp-height", `max(${options.height}px, calc(100vh - ${options.above ?? 0}px))`);
    const asked = JSON.stringify(options.start ?? null);
    // What this player itself reported may come back as `start`, late: it must not undo what the user did since.
    const { start } = options;
    if (start && asked !== this.asked && asked !== this.reported) {
      this.selection = new Set(start.selection.filter((item) => item >= 0 && item < this.journey.items.length));
      this.#selectionChanged(false);
      this.showMap(this.journey.maps.findIndex((map) => map.name === start.map));
      this.showStills(Boolean(start.stills));
      this.pause();
      this.seek(start.step);
    }
    this.asked = asked;
  }

  // ---- state

  get step() {
    return this.clock.step;
  }

  /** @returns {View} of the map that is shown */
  get view() {
    return this.views[this.mapIndex];
  }

  /**
   * Whether an item is drawn in colour: selected (or nothing is), and of the highlighted class (or none is).
   * @param {number} item
   */
  isVivid(item) {
    const one = this.journey.classes[this.journey.items[item].answer];
    return (this.selection.size === 0 || this.selection.has(item)) && !this.isDimmed(one);
  }

  /** @param {Styled} one */
  isDimmed(one) {
    return this.highlight !== null && this.highlight !== styleKey(one);
  }

  /**
   * Show another map; everything flies to its place there, and step, playing and selection stay.
   * @param {number} index
   */
  showMap(index) {
    if (index === this.mapIndex || !this.journey.maps[index]) return;
    if (this.zoomGoal) Object.assign(this.view, this.zoomGoal);
    this.zoomGoal = null;
    const view = this.view;
    this.mapIndex = index;
    this.#describeMap();
    const flies = this.framesDrawn && !this.motion.matches && !this.stillsShown;
    if (flies) this.morph = { from: this.map.takeScene(), view, share: 0, ease: 0, names: 1 };
    this.resize();
    if (this.following) this.follow(true);
    this.#settle();
  }

  #showZoom() {
    const zoomed = this.view.zoom > 1.01;
    this.root.dataset.zoom = this.view.zoom.toFixed(2);
    this.parts.mapStage.classList.toggle("is-zoomed", zoomed);
    this.parts.showAll.classList.toggle("is-wanted", zoomed);
  }

  /** Name, key and sentences of the map that is shown. */
  #describeMap() {
    const { parts, journey } = this;
    const { map } = this.view;
    this.hover(null);
    this.root.dataset.map = map.name;
    this.#showZoom();
    parts.mapStage.classList.toggle("is-solid", map.solid);
    this.mapButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === this.mapIndex)));
    const turn = map.solid ? " Drag or shift and arrows turn it." : "";
    parts.mapStage.setAttribute(
      "aria-label", `Map of the journey, ${map.label}. Space plays, arrows step, h goes to the hand-over, plus and minus zoom, m shows the next map.${turn}`,
    );
    parts.ghost.disabled = !map.ghost;
    for (const [shape, flag] of /** @type {[string, number][]} */ ([["break", 1], ["ring", -1]])) {
      const key = parts.mapKey.querySelector(`[data-shape=${shape}]`)?.parentElement;
      if (key) key.hidden = !map.flags.includes(flag);
    }
    const scores = SHOWN_SCORES.filter((name) => name in map.scores).map((name) => `${name} ${scoreText(map.scores[name])}`);
    parts.mapNote.textContent = map.note;
    parts.mapScores.textContent = scores.length ? `How far to trust this map: ${scores.join(" · ")}` : "";
    parts.mapThinning.textContent = thinningText(journey.referenceLabels.length, journey.referenceTotal);
  }

  toggleTrust() {
    this.trust = !this.trust;
    this.parts.trust.setAttribute("aria-pressed", String(this.trust));
    this.root.dataset.trust = String(this.trust);
    this.parts.mapKey.classList.toggle("is-plain", !this.trust);
    this.invalidate(true);
  }

  toggleGhost() {
    if (!this.journey.ghost) return;
    this.ghostShown = !this.ghostShown;
    this.parts.ghost.setAttribute("aria-pressed", String(this.ghostShown));
    this.#selectionChanged(false);
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

  toggleLasso() {
    this.lassoing = !this.lassoing;
    this.parts.lasso.setAttribute("aria-pressed", String(this.lassoing));
    this.root.classList.toggle("is-lassoing", this.lassoing);
  }

  /**
   * Come closer to the selected items and stay with them, or stop.
   * @param {boolean} on
   */
  follow(on) {
    this.following = on && this.selection.size > 0 && !this.stillsShown;
    this.parts.follow.setAttribute("aria-pressed", String(this.following));
    if (this.following) this.zoomGoal = { ...this.zoomGoal, zoom: Math.max(this.view.zoom, FOLLOW_ZOOM) };
    this.invalidate();
  }

  /**
   * Still panels in the place of the moving map, or back.
   * @param {boolean} shown
   */
  showStills(shown) {
    if (shown === this.stillsShown) return;
    this.stillsShown = shown;
    this.stills.element.hidden = !shown;
    this.parts.stills.setAttribute("aria-pressed", String(shown));
    this.root.classList.toggle("is-still", shown);
    this.root.dataset.stills = String(shown);
    if (shown) this.pause();
    if (shown) this.follow(false);
    this.resize();
    this.#settle();
  }

  play() {
    this.showStills(false);
    this.glide = null;
    this.clock.play();
    this.lastFrame = 0;
    this.invalidate();
  }

  pause() {
    if (!this.clock.playing) return;
    this.clock.playing = false;
    this.clock.position = this.clock.step;
    this.invalidate();
    this.#settle();
  }

  toggle() {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  replay() {
    this.seek(0);
    this.play();
  }

  /**
   * Go to a step at once.
   * @param {number} position
   */
  seek(position) {
    this.glide = null;
    this.clock.position = clamp(position, 0, this.journey.last);
    this.clock.rest = 0;
    this.invalidate();
    if (!this.clock.playing) this.#settle();
  }

  /**
   * Stop, and go to a step.
   * @param {number} step
   */
  goTo(step) {
    this.clock.playing = false;
    this.seek(step);
  }

  /**
   * Go to a neighbouring step with a short glide.
   * @param {number} count
   */
  stepBy(count) {
    const goal = clamp((this.glide ?? this.clock.step) + count, 0, this.journey.last);
    this.clock.playing = false;
    if (this.motion.matches) this.seek(goal);
    else this.glide = goal;
    this.invalidate();
    this.#settle();
  }

  // ---- selection

  /**
   * One item alone, or none when it was the one; with `additive` one more or one less.
   * @param {number} item @param {boolean} [additive]
   */
  select(item, additive = false) {
    const alone = this.selection.size === 1 && this.selection.has(item);
    if (additive) this.selection[this.selection.has(item) ? "delete" : "add"](item);
    else this.selection = alone ? new Set() : new Set([item]);
    this.#selectionChanged(true, item);
  }

  /**
   * From the item that was selected last to this one, as in any list.
   * @param {number[]} [order] of the items on the screen
   * @param {number} item @param {number[]} [order]
   */
  selectRange(item, order = this.journey.items.map((_, index) => index)) {
    const ends = [item, this.inspected < 0 ? item : this.inspected].map((one) => order.indexOf(one)).sort((a, b) => a - b);
    this.selectAll([...order.slice(ends[0], ends[1] + 1).filter((one) => one !== item), item], true);
  }

  /**
   * These items, added to the others or in their place.
   * @param {number[]} items @param {boolean} [additive]
   */
  selectAll(items, additive = false) {
    this.selection = new Set([...(additive ? this.selection : []), ...items]);
    this.#selectionChanged(true, items.at(-1));
  }

  clearSelection() {
    if (this.selection.size === 0) return;
    this.selection.clear();
    this.#selectionChanged();
  }

  /** @param {Styled} one */
  toggleHighlight(one) {
    this.highlight = this.isDimmed(one) || this.highlight === null ? styleKey(one) : null;
    this.legend.showHighlight();
    this.root.dataset.highlight = this.highlight ?? "";
    this.stills.invalidate();
    this.invalidate(true);
  }

  /**
   * Bring all views in line.
   * @param {number} [latest] item that was selected last
   */
  #selectionChanged(settles = true, latest = this.inspected) {
    const chosen = [...this.selection].sort((a, b) => a - b);
    this.inspected = this.selection.has(latest) ? latest : chosen.at(-1) ?? -1;
    this.parts.follow.disabled = chosen.length === 0;
    this.parts.follow.classList.toggle("is-wanted", chosen.length > 0);
    if (this.following && !chosen.length) this.resetZoom();
    this.root.dataset.selection = chosen.join(",");
    const shown = chosen.length ? chosen : this.journey.items.map((_, index) => index);
    this.curves.load(this.journey, shown);
    this.gallery.showSelection(this.selection);
    this.report.showSelection(this.selection, this.inspected);
    this.neighbors.show();
    this.#describeCurves(shown);
    this.lastStep = -1;
    this.stills.invalidate();
    this.invalidate(true);
    if (settles) this.#settle();
  }

  /**
   * The sentences above the curves.
   * @param {number[]} shown
   */
  #describeCurves(shown) {
    const { items, classes, curveClasses } = this.journey;
    const whose = shown.length === 1 ? items[shown[0]].name : this.selection.size ? `mean of ${shown.length} selected pictures` : `mean of all ${shown.length} pictures`;
    this.parts.curveWhose.textContent = whose;
    const kept = curveClasses.length < classes.length ? ` Curves of the nearest ${curveClasses.length} of ${classes.length} words.` : "";
    this.parts.commitment.textContent = (shown.length === 1 ? this.#oneCommitment(shown[0]) : this.#allCommitments(shown)) + kept;
    this.parts.curveStage.setAttribute(
      "aria-label", `How near to each word, step by step, ${whose}. ${this.parts.commitment.textContent}`,
    );
  }

  /** @param {number} index */
  #oneCommitment(index) {
    const item = this.journey.items[index];
    const winner = this.journey.classes[item.nearest].name;
    const cloud = this.journey.seedClouds.get(index);
    const seeds = cloud ? ` ${cloud.short}.` : "";
    if (item.commitment === 0) return `Nearest to “${winner}” from the start.${seeds}`;
    return `Decided at step ${item.commitment}: “${winner}” stays nearest from there.${seeds}`;
  }

  /** @param {number[]} shown */
  #allCommitments(shown) {
    const steps = shown.map((index) => this.journey.items[index].commitment).sort((a, b) => a - b);
    const middle = steps[Math.floor(steps.length / 2)];
    const when = steps[0] === steps.at(-1) ? `at step ${middle}` : `between steps ${steps[0]} and ${steps.at(-1)}, half of them by step ${middle}`;
    return `The pictures decide for a word ${when}. Select one to follow it.`;
  }

  /**
   * Show what the pointer is over.
   * @param {{kind: "item"|"text"|"center", index: number, anchor?: Element}|null} hit
   */
  hover(hit) {
    if (!hit && !this.tooltip.subject) return;
    this.hovered = hit?.kind === "item" ? hit.index : -1;
    this.parts.mapStage.classList.toggle("is-over", hit !== null && !hit.anchor && hit.kind !== "center");
    if (hit) this.tooltip.show(hit);
    else this.tooltip.hide();
    this.invalidate();
  }

  /** Tell Python and screen readers once things have come to rest. */
  #settle() {
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => {
      const resting = !this.clock.playing && this.glide === null;
      if (resting) this.#announce(true);
      // While it plays only what else has changed is reported, with the step that it will rest at.
      const state = {
        step: resting ? this.step : this.journey.last, selection: [...this.selection].sort((a, b) => a - b),
        map: this.view.map.name, stills: this.stillsShown,
      };
      const text = JSON.stringify(state);
      if (this.options.address) this.#writeAddress(state, resting);
      if (text === this.reported) return;
      this.reported = text;
      this.options.report?.({ ...state, fingerprint: this.journey.fingerprint });
    }, 280);
  }

  /**
   * Where the player stands, in the page's address: a link to a step that it rests at opens at that step, the last one too.
   * @param {ViewState} viewstate @param {boolean} resting
   */
  #writeAddress({ step, selection, map, stills }, resting) {
    const { journey } = this;
    const parts = {
      map: map === journey.maps[0].name ? "" : map,
      step: resting ? step : "",
      selected: selection.slice(0, MOST_LISTED).join(","),
      stills: stills ? 1 : "",
    };
    const url = new URL(window.location.href);
    for (const [name, value] of Object.entries(parts)) {
      if (value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, String(value));
    }
    if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  }

  #announce(now = false) {
    const time = performance.now();
    if (!now && time - this.announced < 4000) return;
    this.announced = time;
    const playing = this.clock.playing ? "playing, " : "";
    const about = [this.stillsShown ? "stills" : "", this.view.map.label, this.selection.size ? `${this.selection.size} selected` : ""];
    this.parts.live.textContent = [playing + this.journey.caption(this.step), ...about].filter(Boolean).join(", ");
  }

  // ---- frames

  /** Ask for a frame; `still` also redraws the layers that do not move. */
  invalidate(still = false) {
    this.mapDirty ||= still;
    this.curvesDirty ||= still;
    this.frameRequest ||= requestAnimationFrame((now) => this.#frame(now));
  }

  /** @param {number} now */
  #frame(now) {
    this.frameRequest = 0;
    if (this.destroyed || !this.theme) return;
    if (!this.root.isConnected) {
      this.lastFrame = 0;
      return;
    }
    const seconds = this.lastFrame ? Math.min(0.1, (now - this.lastFrame) / 1000) : 0;
    this.lastFrame = now;
    const wasPlaying = this.clock.playing;
    this.clock.tick(seconds);
    const moving = [this.#glideOn(seconds), this.#zoomOn(seconds), this.#morphOn(seconds)].includes(true);
    if (wasPlaying && !this.clock.playing) this.#settle();
    // With reduced motion nothing slides: the picture changes from state to state.
    const position = this.motion.matches ? this.clock.step : this.clock.position;
    const following = this.#followOn(seconds, position);
    if (!this.stillsShown) this.#drawMap(position, now);
    if (this.curvesDirty) this.curves.drawBase();
    this.curvesDirty = false;
    // While it plays, curves and controls follow in every second frame: half of a frame's cost is theirs.
    const ended = this.root.dataset.playing !== String(this.clock.playing);
    if (!this.clock.playing || ended || this.framesDrawn % 2 === 0) {
      this.curves.drawMoving(position);
      this.#showState(position, now);
    }
    this.framesDrawn += 1;
    if (this.clock.playing || moving || following) this.invalidate();
    else this.lastFrame = 0;
  }

  /** @param {number} position @param {number} now */
  #drawMap(position, now) {
    if (this.mapDirty) this.map.drawBase(now < this.viewMovingUntil, this.morph);
    this.mapDirty = false;
    this.map.drawMoving(position, this.morph);
  }

  /** @param {number} seconds */
  #glideOn(seconds) {
    if (this.glide === null) return false;
    const gap = this.glide - this.clock.position;
    if (Math.abs(gap) < 0.02) {
      this.clock.position = this.glide;
      this.glide = null;
      this.#settle();
      return false;
    }
    this.clock.position += gap * Math.min(1, Math.max(seconds, 0.008) * 16);
    return true;
  }

  /** @param {number} seconds */
  #zoomOn(seconds) {
    if (!this.zoomGoal) return false;
    const { view, zoomGoal } = this;
    const share = Math.min(1, Math.max(seconds, 0.008) * 12);
    for (const name of POSE) view[name] = mix(view[name], zoomGoal[name] ?? view[name], share);
    /** @param {keyof Pose} name @param {number} least */
    const far = (name, least) => Math.abs(view[name] - (zoomGoal[name] ?? view[name])) >= least;
    if (!far("zoom", 0.004) && !far("panX", 0.5) && !far("panY", 0.5) && !far("yaw", 0.004) && !far("pitch", 0.004)) {
      Object.assign(view, zoomGoal);
      this.zoomGoal = null;
    }
    this.#viewChanged();
    return true;
  }

  /** @param {number} seconds */
  #morphOn(seconds) {
    const { morph } = this;
    if (!morph) return false;
    morph.share += Math.max(seconds, 0.008) / MORPH_SECONDS;
    const share = Math.min(1, morph.share);
    morph.ease = share ** 2 * (3 - 2 * share);
    // Names fade out at the start. When all else has arrived they take new places, and fade in during what is left.
    morph.names = morph.share < 1 ? clamp(1 - 2.5 * share, 0, 1) : (morph.share - 1) / NAMES_SHARE;
    if (morph.share >= 1 + NAMES_SHARE) this.morph = null;
    this.mapDirty = true;
    return true;
  }

  /**
   * Bring the middle of the selected items nearer to the middle of the map.
   * @param {number} seconds @param {number} position
   */
  #followOn(seconds, position) {
    const { view } = this;
    if (!this.following || this.morph || (view.zoom <= 1 && !view.map.solid)) return false;
    const points = [...this.selection].map((item) => this.map.scene.paths.pointAt(item, position));
    /** @param {"x"|"y"} name */
    const mean = (name) => points.reduce((sum, point) => sum + point[name], 0) / points.length;
    const dx = view.fit.x - mean("x"), dy = view.fit.y - mean("y");
    if (Math.hypot(dx, dy) < 0.5) return false;
    const share = this.motion.matches ? 1 : Math.min(1, Math.max(seconds, 0.008) * 7);
    view.panX += dx * share;
    view.panY += dy * share;
    view.limit();
    this.#viewChanged();
    return true;
  }

  /**
   * Text and controls; those that change with the step only are written only then.
   * @param {number} position @param {number} now
   */
  #showState(position, now) {
    const { parts, clock, journey } = this;
    this.transport.showPosition(position);
    if (this.root.dataset.playing !== String(clock.playing)) this.root.dataset.playing = String(clock.playing);
    if (now - this.legendShown > 90 || (this.step !== this.lastStep && !clock.playing)) {
      this.legendShown = now;
      this.legend.showValues(this.curves, position);
    }
    if (this.step === this.lastStep) return;
    this.lastStep = this.step;
    const caption = journey.caption(this.step);
    parts.caption.textContent = caption;
    parts.caption.title = journey.terms(this.step);
    this.root.dataset.step = String(this.step);
    this.transport.showStep(this.step, caption);
    this.neighbors.show();
    this.report.showStep(this.step);
    if (this.stillsShown) this.stills.showStep(this.step);
    this.tooltip.refresh();
    if (clock.playing) this.#announce();
  }

  // ---- size and theme

  resize() {
    const { parts } = this;
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
    if (!this.stillsShown) {
      this.view.frame(map.width, map.height, { top, bottom });
      this.map.resize(map.width, map.height);
    }
    this.curves.resize(Math.max(curve.width, 2), Math.max(curve.height, 2));
    this.stills.resize();
    this.invalidate(true);
  }

  restyle() {
    const theme = new Theme(this.root);
    if (theme.key === this.theme.key) return;
    this.theme = theme;
    this.legend.paint();
    this.#paintKey();
    this.neighbors.show();
    this.stills.invalidate();
    this.invalidate(true);
  }

  #viewChanged() {
    this.#showZoom();
    this.hover(null);
    this.mapDirty = true;
    this.invalidate();
    // Painting thousands of points takes longer than a frame; that waits until the view has come to rest.
    this.viewMovingUntil = performance.now() + 180;
    clearTimeout(this.viewTimer);
    this.viewTimer = setTimeout(() => {
      this.mapDirty = true;
      this.invalidate();
    }, 200);
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] where nothing moves: the middle of the map, if left out */
  zoomBy(factor, x, y) {
    if (this.stillsShown) return; // stills show all of the map
    this.zoomGoal = null;
    this.view.zoomAt(factor, x ?? this.view.middle.x, y ?? this.view.middle.y);
    this.#viewChanged();
  }

  /** Everything in sight again, and a solid map as it stood first, turned back the short way. */
  resetZoom() {
    if (this.stillsShown) return;
    const { view } = this;
    view.yaw = HOME.yaw + Math.atan2(Math.sin(view.yaw - HOME.yaw), Math.cos(view.yaw - HOME.yaw));
    this.follow(false);
    this.zoomGoal = { ...HOME };
    if (this.motion.matches) Object.assign(view, HOME);
    this.invalidate();
  }

  /**
   * Turn a solid map, or shift it when `shift` is held; a flat one is shifted where it is larger than its frame.
   * @param {number} dx @param {number} dy @param {boolean} [shift]
   */
  moveMap(dx, dy, shift = false) {
    if (this.stillsShown) return;
    const { view } = this;
    this.zoomGoal = null;
    if (this.following) this.follow(false);
    if (view.map.solid && !shift) {
      view.orbit(-dx * 0.008, dy * 0.008);
    } else {
      if (view.zoom <= 1 && !view.map.solid) return;
      view.panX += dx;
      view.panY += dy;
      view.limit();
    }
    this.#viewChanged();
  }

  // ---- building

  #build() {
    const parts = (this.parts = /** @type {Parts} */ ({}));
    parts.title = el("h2", { class: "sp-title" });
    parts.note = el("p", { class: "sp-note", "data-testid": "story" });
    parts.caption = el("p", { class: "sp-caption", "data-testid": "player-caption" });
    parts.live = el("p", { class: "sp-hidden", role: "status", "aria-live": "polite", "data-testid": "live-status" });
    parts.mapNote = el("span", { "data-testid": "map-note" });
    parts.mapScores = el("p", { class: "sp-map-scores", "data-testid": "map-scores" });
    parts.mapThinning = el("span", { "data-testid": "map-thinning" });
    parts.settings = el("dl", { class: "sp-settings" });
    const details = el("details", { class: "sp-details", "data-testid": "settings" }, el("summary", { text: "Settings and trust" }), parts.mapScores, parts.settings);
    this.root = el(
      "section", { class: "sp-root", "aria-label": "Journey player", "data-testid": "player-root", "data-stills": "false" },
      el("span", { class: "sp-accent-probe", "aria-hidden": "true" }),
      el(
        "div", { class: "sp-screen" },
        el("header", { class: "sp-header" }, parts.title, parts.caption),
        parts.note,
        el("div", { class: "sp-main" }, this.#buildMap(), this.#buildSide()),
        this.transport.element,
      ),
      this.gallery.element,
      el("div", { class: "sp-below" }, el("p", { class: "sp-map-line" }, parts.mapNote, " ", parts.mapThinning), details),
      this.report.element,
      parts.live,
      this.tooltip.element,
    );
  }

  #buildMap() {
    const { parts } = this;
    /** @param {string} shape @param {string} text @param {string} title */
    const key = (shape, text, title) => {
      const wide = ["trust", "break", "ring"].includes(shape);
      const canvas = el("canvas", {
        class: `sp-key-shape${wide ? " is-wide" : ""}`, "data-shape": shape, width: wide ? 52 : 32, height: 32, "aria-hidden": "true",
      });
      return el("span", { title }, canvas, el("span", { text }));
    };
    parts.mapKey = el(
      "div", { class: "sp-map-key", "data-testid": "map-key" },
      el("div", {}, key("diamond", "category", "center of a category that the model has learned"), key("star", "your word", "class text"), key("circle", "known picture", "feature of a training picture")),
      el(
        "div", { class: "sp-key-trust" }, key("trust", "solid: trust the map here", "strong where a state's neighbours in feature space are its neighbours on the map"),
        key("break", "the map exaggerates", "the map jumps here, the features do not"), key("ring", "the map hides a jump", "the features jump here, the map does not"),
      ),
    );
    /** @param {string} text @param {string} testId @param {string} title @param {boolean} pressed @param {() => void} listener */
    const tool = (text, testId, title, pressed, listener) => el("button", {
      type: "button", class: `sp-tool is-${testId}`, text, "aria-pressed": String(pressed), "data-testid": testId, title, on: { click: listener },
    });
    parts.mapButtons = el("div", { class: "sp-maps", role: "group", "aria-label": "Map" });
    parts.trust = tool("Trust", "trust", "Draw each path as strongly as the map can be trusted there (t)", true, () => this.toggleTrust());
    parts.ghost = tool("Before", "ghost", "", true, () => this.toggleGhost());
    parts.lasso = tool("Lasso", "lasso", "Draw around items, on the map or among the curves, to select them (l; shift and drag does the same)", false, () => this.toggleLasso());
    parts.stills = tool("Stills", "stills-button", "Small still maps side by side, without motion (s)", false, () => this.showStills(!this.stillsShown));
    parts.sideButton = tool("Curves", "side-button", "The curves beside the map, or more room for the map (c)", true, () => this.toggleSide());
    parts.mapTools = el("div", { class: "sp-map-tools" }, parts.mapButtons, parts.trust, parts.ghost, parts.lasso, parts.stills, parts.sideButton);
    parts.follow = iconButton("follow", "Stay with the selected pictures (w)", "follow", () => this.follow(!this.following), { "aria-pressed": "false" });
    parts.showAll = iconButton("fit", "Show all (0)", "zoom-reset", () => this.resetZoom());
    parts.mapStage = el(
      "div", { class: "sp-map", tabindex: 0, role: "group", "data-testid": "map" },
      this.map.moving, this.stills.element,
      el(
        "div", { class: "sp-zoom" },
        parts.follow,
        iconButton("plus", "Zoom in", "zoom-in", () => this.zoomBy(1.5)),
        iconButton("minus", "Zoom out", "zoom-out", () => this.zoomBy(1 / 1.5)),
        parts.showAll,
      ),
    );
    return el("div", { class: "sp-map-column" }, parts.mapTools, parts.mapStage, parts.mapKey);
  }

  #buildMapButtons() {
    const { maps } = this.journey;
    this.mapButtons = maps.map((map, index) => el("button", {
      type: "button", text: map.label, "aria-pressed": "false", title: "Show this map (m: the next one)", "data-testid": "map-button", "data-name": map.name,
      on: { click: () => this.showMap(index) },
    }));
    this.parts.mapButtons.replaceChildren(...this.mapButtons);
    this.parts.mapButtons.hidden = maps.length < 2;
    this.#paintKey();
  }

  #paintKey() {
    for (const canvas of Array.from(this.parts.mapKey.querySelectorAll("canvas"))) {
      const { shape = "" } = canvas.dataset;
      if (["trust", "break", "ring"].includes(shape)) paintTrustKey(canvas, shape, this.theme);
      else paintSwatch(canvas, shape, this.theme.muted);
    }
  }

  #buildSide() {
    const { parts } = this;
    parts.curveWhose = el("span", { class: "sp-whose", "data-testid": "curve-whose" });
    parts.commitment = el("p", { class: "sp-commitment", "data-testid": "commitment" });
    parts.curveStage = el("div", { class: "sp-curves", role: "img" }, this.curves.base, this.curves.moving);
    const heading = el("h3", { class: "sp-side-title", title: "Cosine similarity of the state to each class text" }, el("span", { text: "How near to each word" }), parts.curveWhose);
    return el(
      "aside", { class: "sp-side" },
      el("div", { class: "sp-curve-card" }, heading, parts.curveStage, parts.commitment), this.neighbors.element, this.legend.element,
    );
  }

  #buildSettings() {
    const { journey } = this;
    const total = journey.referenceTotal, shown = journey.referenceLabels.length;
    const reference = shown < total ? `${shown.toLocaleString("en")} of ${total.toLocaleString("en")}` : total.toLocaleString("en");
    const lines = [["pictures", String(journey.items.length)], ["steps", String(journey.last)], ["known pictures shown", reference], ...journey.settings];
    this.parts.settings.replaceChildren(...lines.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  }

  // ---- input

  #listen() {
    const { parts, root } = this;
    const { signal } = this.abort;
    /** @type {Listen} */
    const on = (target, event, listener, options = {}) => {
      target.addEventListener(event, /** @type {EventListener} */ (listener), { signal, ...options });
    };
    on(root, "keydown", (event) => this.#onKey(event));
    // Before anything on the page has the focus, keys are for the player.
    on(document, "keydown", (event) => event.composedPath()[0] === document.body && this.#onKey(event));
    on(document, "fullscreenchange", () => this.resize());
    on(window, "resize", () => this.resize());
    on(this.motion, "change", () => this.invalidate(true));
    // A colour transition of almost no length tells when Streamlit's or the system's theme has changed.
    on(root, "transitionend", (event) => event.target === root && this.restyle());
    new MapInput(this, on);
    new CurveInput(this, on);
    this.resizeObserver = new ResizeObserver(() => this.resize());
    for (const element of [root, parts.mapStage, parts.curveStage]) this.resizeObserver.observe(element);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
    const pressed = target instanceof HTMLButtonElement || (target instanceof HTMLElement && target.tagName === "SUMMARY");
    const onScrub = target === this.transport.scrub;
    /** @type {Object<string, [number, number]>} */
    const turns = { ArrowRight: [14, 0], ArrowLeft: [-14, 0], ArrowUp: [0, -14], ArrowDown: [0, 14] };
    if (event.shiftKey && turns[event.key]) {
      event.preventDefault();
      this.moveMap(...turns[event.key]);
      return;
    }
    /** @type {Object<string, (() => void)|null>} */
    const actions = {
      " ": pressed ? null : () => this.toggle(),
      ArrowRight: () => this.stepBy(1),
      ArrowLeft: () => this.stepBy(-1),
      ArrowUp: onScrub ? () => this.stepBy(1) : null,
      ArrowDown: onScrub ? () => this.stepBy(-1) : null,
      PageUp: onScrub ? () => this.stepBy(5) : null,
      PageDown: onScrub ? () => this.stepBy(-5) : null,
      Home: () => this.goTo(0),
      End: () => this.goTo(this.journey.last),
      h: () => this.goTo(this.journey.handOver),
      "+": () => this.zoomBy(1.4),
      "-": () => this.zoomBy(1 / 1.4),
      0: () => this.resetZoom(),
      m: () => this.showMap((this.mapIndex + 1) % this.journey.maps.length),
      t: () => this.toggleTrust(),
      f: () => this.toggleFullScreen(),
      w: () => this.follow(!this.following),
      c: () => this.toggleSide(),
      g: () => this.toggleGhost(),
      l: () => this.toggleLasso(),
      s: () => this.showStills(!this.stillsShown),
      Escape: () => this.#escape(),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    // A key that is held repeats where it moves something, and never switches to and fro.
    if (!action || (event.repeat && !/^(Arrow|Page|[+-])/.test(event.key))) return;
    event.preventDefault();
    action();
  }

  #escape() {
    this.hover(null);
    if (this.lassoing) this.toggleLasso();
    const highlighted = this.legend.rows.find(({ style }) => styleKey(style) === this.highlight);
    if (highlighted) this.toggleHighlight(highlighted.style);
    this.clearSelection();
  }

  destroy() {
    this.destroyed = true;
    cancelAnimationFrame(this.frameRequest);
    clearTimeout(this.settleTimer);
    clearTimeout(this.viewTimer);
    this.abort.abort();
    this.resizeObserver.disconnect();
    this.root.remove();
  }
}

// ------------------------------------------------------------------------------------------------ entrances

/**
 * Show a journey inside an element of a plain page.
 * @param {HTMLElement} host @param {Payload} payload @param {Options} [options] @returns {Player}
 */
export function mount(host, payload, options = {}) {
  return new Player(host, payload, options);
}

/**
 * Entrance for st.components.v2: called at mount and again at each rerun. `data` is JSON, as seda/ui/player.py sends it.
 * @param {{data: ArrayBuffer, parentElement: Host, setStateValue: (name: string, value: unknown) => void}} component
 */
export default function streamlitComponent({ data, parentElement, setStateValue }) {
  const { payload, options: sent } = JSON.parse(new TextDecoder().decode(data));
  /** @type {Options} */
  const options = { ...sent, report: (state) => setStateValue("view", state) };
  // Kept at the element: the module itself may be loaded again between two calls.
  const before = parentElement.sedaPlayer;
  const player = before && !before.destroyed ? before : new Player(parentElement, payload, options);
  if (player === before) {
    if (player.journey.fingerprint !== payload.fingerprint) player.load(payload);
    player.update(options);
  }
  parentElement.sedaPlayer = player;
  player.owner += 1;
  const call = player.owner;
  return () => {
    // Streamlit may clean up between two reruns; only a player that nobody took over is gone for good.
    setTimeout(() => {
      if (player.owner !== call || player.root.isConnected) return;
      player.destroy();
      parentElement.sedaPlayer = undefined;
    }, 0);
  };
}
