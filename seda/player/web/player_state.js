// The player's state: one journey with its map, step and selection, which all views on the page share.
//
// A journey lies on several maps. Each is projected to the screen by its own view (`View`), flat, solid or a timeline;
// everything is then drawn in pixels, so that one map can turn into another by mixing two sets of pixels (`Scene`).
//
// Names that users typed reach the page through fillText and textContent only, never as markup.

import { clamp } from "./numbers.js";
import { Journey } from "./payload.js";
import { Theme } from "./drawing.js";
import { Clock } from "./clock.js";
import { View } from "./view.js";
import { Camera } from "./camera.js";
import { MapPainter } from "./map.js";
import { CurvePainter } from "./curves.js";
import { CurveInput, MapInput } from "./map_input.js";
import { Frames } from "./frames.js";
import { Gallery } from "./gallery.js";
import { HeadSounds } from "./head_sounds.js";
import { answerOf } from "./item_color.js";
import { Keyboard } from "./keyboard.js";
import { Layout } from "./layout.js";
import { Lesson } from "./lesson.js";
import { Legend, styleKey } from "./legend.js";
import { NeighborCard } from "./neighbors.js";
import { Prediction } from "./prediction.js";
import { Presentation } from "./presentation.js";
import { Report } from "./report.js";
import { Status } from "./status.js";
import { Stills } from "./stills.js";
import { Tooltip } from "./tooltip.js";
import { Transport } from "./transport.js";

/** Linked views and their state. One per page element; a rerun only calls `update`. */
export class Player {
  /** @param {ParentNode} host @param {Payload} payload @param {Options} options */
  constructor(host, payload, options) {
    this.options = options;
    /** @type {Journey} */ this.journey;
    /** @type {Clock} */ this.clock;
    /** @type {View[]} one for each map: zoom and turn stay with their map */ this.views = [];
    this.mapIndex = 0;
    /** @type {number|null} step that the position glides to */ this.glide = null;
    /** @type {Morph|null} */ this.morph = null;
    /** Whether line strength shows trust. */ this.trust = true;
    /** Whether an earlier run is drawn. */ this.ghostShown = true;
    /** Whether paths from other seeds are drawn. */ this.seedsShown = true;
    /** Whether a drag draws a lasso. */ this.lassoing = false;
    /** Whether small still maps stand in for the moving one. */ this.stillsShown = false;
    /** @type {Set<number>} */ this.selection = new Set();
    /** The item that was selected last, whose neighbours and sentences are shown; -1 for none. */ this.inspected = -1;
    /** @type {string|null} class style that is highlighted, as "#rrggbb symbol" */ this.highlight = null;
    /** The item under the pointer, -1 for none. */ this.hovered = -1;
    /** The step that texts tell, -1 for none. */ this.lastStep = -1;
    this.framesDrawn = 0;
    /** The state that was asked for last. */ this.asked = "";
    this.destroyed = false;
    /** Calls that use this player; see `streamlitComponent`. */ this.owner = 0;
    this.motion = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.frames = new Frames(this);
    this.camera = new Camera(this);
    this.status = new Status(this);
    this.map = new MapPainter(this);
    this.curves = new CurvePainter(this);
    this.transport = new Transport(this);
    this.legend = new Legend(this);
    this.gallery = new Gallery(this);
    this.neighbors = new NeighborCard(this);
    this.report = new Report(this);
    this.stills = new Stills(this);
    this.tooltip = new Tooltip(this);
    this.presentation = new Presentation(this);
    this.lesson = new Lesson(this);
    this.prediction = new Prediction(this);
    this.sounds = new HeadSounds();
    this.layout = new Layout(this);
    /** @type {Display[]} what shows the journey, in the order in which they are told; a new chart stands here too */
    this.displays = [this.transport, this.legend, this.gallery, this.report, this.map, this.stills, this.layout, this.neighbors, this.tooltip, this.presentation, this.lesson, this.prediction, this.sounds];
    this.parts = this.layout.parts;
    /** @type {Host} */ this.root = this.layout.root;
    host.append(this.root);
    this.root.sedaPlayer = this; // for tests and benchmarks
    this.theme = new Theme(this.root);
    this.abort = new AbortController();
    this.#listen();
    this.load(payload);
    this.update(options);
    if (options.loop) this.transport.toggleLoop();
    if (options.lesson) this.lesson.show(options.lesson);
    if (options.present) this.presentation.show(true);
    this.layout.resize();
  }

  // ---- content

  /**
   * Show a journey. Another one plays from its beginning; the same items keep their selection, and the same paths (with a
   * ghost more, or refitted maps) everything.
   * @param {Payload} payload
   */
  load(payload) {
    /** @type {Journey|undefined} */ const before = this.journey;
    /** @type {Clock|undefined} */ const clock = this.clock;
    const journey = new Journey(payload);
    const sameItems = before?.itemsKey === journey.itemsKey, samePaths = before?.travelled === journey.travelled;
    const wanted = before?.maps[this.mapIndex].name;
    const { speed, loop, position, playing } = clock ?? { speed: 1, loop: false, position: 0, playing: false };
    const views = new Map(this.views.map((view) => [view.map.name, view]));
    this.journey = journey;
    this.views = journey.maps.map((map) => new View(map, sameItems ? views.get(map.name) : undefined));
    this.mapIndex = Math.max(0, journey.maps.findIndex((map) => map.name === wanted));
    this.morph = this.camera.goal = this.glide = null;
    this.clock = new Clock(journey.last, journey.handOvers);
    Object.assign(this.clock, { speed, loop });
    if (!sameItems) this.selection.clear();
    if (!samePaths) this.highlight = null;
    this.hovered = this.lastStep = -1;
    this.status.reported = "";
    this.root.dataset.fingerprint = journey.fingerprint;
    this.root.dataset.highlight = this.highlight ?? "";
    for (const part of this.displays) part.load?.(journey);
    this.layout.describeMap();
    this.legend.showHighlight();
    this.#selectionChanged(false);
    if (this.motion.matches && !before && !this.options.start) this.showStills(true);
    this.layout.resize();
    if (this.lesson.on) this.lesson.again();
    else if (samePaths) Object.assign(this.clock, { position, playing });
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
    this.prediction.askElsewhere(Boolean(options.asking));
    // What is looked at together fills the window below the app's own header; `height` is the least.
    if (options.height) this.root.style.setProperty("--sp-height", `max(${options.height}px, calc(100vh - ${options.above ?? 0}px))`);
    const asked = JSON.stringify(options.start ?? null);
    // What this player itself reported may come back as `start`, late: it must not undo what the user did since.
    const { start } = options;
    if (start && asked !== this.asked && asked !== this.status.reported) {
      this.selection = new Set(start.selection.filter((item) => item >= 0 && item < this.journey.items.length));
      this.#selectionChanged(false);
      this.showMap(this.journey.maps.findIndex((map) => map.name === start.map));
      this.showStills(Boolean(start.stills));
      this.presentation.show(Boolean(start.present));
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
    return (this.selection.size === 0 || this.selection.has(item)) && !this.isDimmed(answerOf(this.journey, item));
  }

  /** @param {Styled|null} one */
  isDimmed(one) {
    return this.highlight !== null && (!one || this.highlight !== styleKey(one));
  }

  /**
   * Show another map; everything flies to its place there, and step, playing and selection stay.
   * @param {number} index
   */
  showMap(index) {
    if (index === this.mapIndex || !this.journey.maps[index]) return;
    if (this.camera.goal) Object.assign(this.view, this.camera.goal);
    this.camera.goal = null;
    const view = this.view;
    this.mapIndex = index;
    this.layout.describeMap();
    const flies = this.framesDrawn && !this.motion.matches && !this.stillsShown;
    if (flies) this.morph = { from: this.map.takeScene(), view, share: 0, ease: 0, names: 1 };
    this.layout.resize();
    if (this.camera.following) this.camera.follow(true);
    this.status.settle();
  }

  toggleGhost() {
    if (!this.journey.ghost) return;
    this.ghostShown = !this.ghostShown;
    this.parts.ghost.setAttribute("aria-pressed", String(this.ghostShown));
    this.#selectionChanged(false);
  }

  toggleLasso() {
    if (this.hidesAnswers && !this.lassoing) return; // items are dragged to words
    this.lassoing = !this.lassoing;
    this.parts.lasso.setAttribute("aria-pressed", String(this.lassoing));
    this.root.classList.toggle("is-lassoing", this.lassoing);
  }

  /**
   * Still panels in the place of the moving map, or back.
   * @param {boolean} shown
   */
  showStills(shown) {
    if (shown === this.stillsShown || (shown && this.hidesAnswers)) return;
    this.stillsShown = shown;
    this.stills.element.hidden = !shown;
    this.parts.stills.setAttribute("aria-pressed", String(shown));
    this.root.classList.toggle("is-still", shown);
    this.root.dataset.stills = String(shown);
    if (shown) this.pause();
    if (shown) this.camera.follow(false);
    this.layout.resize();
    this.status.settle();
  }

  /** Whether nothing may tell where an item ends. */
  get hidesAnswers() {
    return this.prediction.hides;
  }

  // ---- time

  play() {
    if (this.hidesAnswers) return this.prediction.reveal();
    this.showStills(false);
    this.glide = null;
    this.clock.play();
    this.frames.last = 0;
    this.invalidate();
  }

  pause() {
    if (!this.clock.playing) return;
    this.clock.playing = false;
    this.clock.position = this.clock.step;
    this.invalidate();
    this.status.settle();
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
    this.clock.position = this.hidesAnswers ? 0 : clamp(position, 0, this.journey.last);
    this.clock.rest = 0;
    this.invalidate();
    if (!this.clock.playing) this.status.settle();
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
    if (this.hidesAnswers) return;
    const goal = clamp((this.glide ?? this.clock.step) + count, 0, this.journey.last);
    this.clock.playing = false;
    if (this.motion.matches) this.seek(goal);
    else this.glide = goal;
    this.invalidate();
    this.status.settle();
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
   * @param {number} item @param {number[]} [order] of the items on the screen
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
    this.#highlighted(this.isDimmed(one) || this.highlight === null ? styleKey(one) : null);
  }

  clearHighlight() {
    this.#highlighted(null);
  }

  /** @param {string|null} key */
  #highlighted(key) {
    this.highlight = key;
    this.legend.showHighlight();
    this.root.dataset.highlight = this.highlight ?? "";
    this.invalidate(true);
  }

  /**
   * Bring all views in line.
   * @param {boolean} [settles] whether others are told @param {number} [latest] item that was selected last
   */
  #selectionChanged(settles = true, latest = this.inspected) {
    const chosen = [...this.selection].sort((a, b) => a - b);
    this.inspected = this.selection.has(latest) ? latest : chosen.at(-1) ?? -1;
    this.parts.follow.disabled = chosen.length === 0;
    this.parts.follow.classList.toggle("is-wanted", chosen.length > 0);
    if (this.camera.following && !chosen.length) this.camera.reset();
    this.root.dataset.selection = chosen.join(",");
    const shown = chosen.length ? chosen : this.journey.items.map((_, index) => index);
    this.curves.load(this.journey, shown);
    this.gallery.showSelection(this.selection);
    this.report.showSelection(this.selection, this.inspected);
    this.neighbors.show();
    this.status.describeCurves(shown);
    this.lastStep = -1;
    this.invalidate(true);
    if (settles) this.status.settle();
  }

  /**
   * Show what the pointer is over.
   * @param {Hit|null} hit
   */
  hover(hit) {
    if (hit && this.hidesAnswers) return;
    if (!hit && !this.tooltip.subject) return;
    this.hovered = hit?.kind === "item" ? hit.index : -1;
    this.parts.mapStage.classList.toggle("is-over", hit !== null && !hit.anchor && hit.kind !== "center");
    if (hit) this.tooltip.show(hit);
    else this.tooltip.hide();
    this.sounds.rest(this.hovered);
    this.invalidate();
  }

  // ---- what others do for it

  /**
   * Ask for a frame; `still` also redraws what does not move: the layers below the paths, and the still maps.
   * @param {boolean} [still]
   */
  invalidate(still = false) {
    if (still) this.stills.invalidate();
    this.frames.ask(still);
  }

  /** @param {number} dx @param {number} dy px @param {boolean} [shift] rather than turn */
  moveMap(dx, dy, shift = false) {
    this.camera.move(dx, dy, shift);
  }

  #listen() {
    const { signal } = this.abort;
    /** @type {Listen} */
    const on = (target, event, listener, options = {}) => {
      target.addEventListener(event, /** @type {EventListener} */ (listener), { signal, ...options });
    };
    on(this.motion, "change", () => this.invalidate(true));
    this.layout.listen(on);
    this.presentation.listen(on);
    this.lesson.listen(on);
    new Keyboard(this, on);
    new MapInput(this, on);
    new CurveInput(this, on);
  }

  destroy() {
    this.destroyed = true;
    for (const part of [this.frames, this.status, this.camera, this.layout, this.presentation, this.sounds]) part.stop();
    this.abort.abort();
    this.root.remove();
  }
}
