// How a map is looked at: zoom, shift and turn, and staying with the selected items.

import { mix } from "./numbers.js";
import { HOME } from "./view.js";

const FOLLOW_ZOOM = 2.2; // at least, while the view stays with items
/** @type {(keyof Pose)[]} */
const POSE = ["zoom", "panX", "panY", "yaw", "pitch"];

/** Moves the view of the map that is shown. */
export class Camera {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** @type {Partial<Pose>|null} what the view moves to */ this.goal = null;
    /** Whether the view stays with the selected items. */ this.following = false;
    /** Time at which the view has come to rest, ms. */ this.movingUntil = 0;
    /** @type {number|undefined} */ this.timer = undefined;
  }

  /**
   * Come closer to the selected items and stay with them, or stop.
   * @param {boolean} on
   */
  follow(on) {
    const { player } = this;
    this.following = on && player.selection.size > 0 && !player.stillsShown;
    player.parts.follow.setAttribute("aria-pressed", String(this.following));
    if (this.following) this.goal = { ...this.goal, zoom: Math.max(player.view.zoom, FOLLOW_ZOOM) };
    player.invalidate();
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] where nothing moves: the middle of the map, if left out */
  zoomBy(factor, x, y) {
    const { player } = this;
    if (player.stillsShown) return; // stills show all of the map
    this.goal = null;
    player.view.zoomAt(factor, x ?? player.view.middle.x, y ?? player.view.middle.y);
    this.changed();
  }

  /** Everything in sight again, and a solid map as it stood first, turned back the short way. */
  reset() {
    const { player } = this;
    if (player.stillsShown) return;
    const { view } = player;
    view.yaw = HOME.yaw + Math.atan2(Math.sin(view.yaw - HOME.yaw), Math.cos(view.yaw - HOME.yaw));
    this.follow(false);
    this.goal = { ...HOME };
    if (player.motion.matches) Object.assign(view, HOME);
    player.invalidate();
  }

  /**
   * Turn a solid map, or shift it when `shift` is held; a flat one is shifted where it is larger than its frame.
   * @param {number} dx @param {number} dy @param {boolean} [shift]
   */
  move(dx, dy, shift = false) {
    if (this.player.stillsShown) return;
    const { view } = this.player;
    this.goal = null;
    if (this.following) this.follow(false);
    if (view.map.solid && !shift) {
      view.orbit(-dx * 0.008, dy * 0.008);
    } else {
      if (view.zoom <= 1 && !view.map.solid) return;
      view.panX += dx;
      view.panY += dy;
      view.limit();
    }
    this.changed();
  }

  /** How far it is zoomed, for the style sheet. */
  showZoom() {
    const { player } = this;
    const zoomed = player.view.zoom > 1.01;
    player.root.dataset.zoom = player.view.zoom.toFixed(2);
    player.parts.mapStage.classList.toggle("is-zoomed", zoomed);
    player.parts.showAll.classList.toggle("is-wanted", zoomed);
  }

  /** The view has moved. */
  changed() {
    const { player } = this;
    this.showZoom();
    player.hover(null);
    player.frames.mapDirty = true;
    player.invalidate();
    // Painting thousands of points takes longer than a frame; that waits until the view has come to rest.
    this.movingUntil = performance.now() + 180;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      player.frames.mapDirty = true;
      player.invalidate();
    }, 200);
  }

  /**
   * A frame's part of the way to the goal.
   * @param {number} seconds @returns {boolean} whether something moves
   */
  moveOn(seconds) {
    if (!this.goal) return false;
    const { goal } = this;
    const { view } = this.player;
    const share = Math.min(1, Math.max(seconds, 0.008) * 12);
    for (const name of POSE) view[name] = mix(view[name], goal[name] ?? view[name], share);
    /** @param {keyof Pose} name @param {number} least */
    const far = (name, least) => Math.abs(view[name] - (goal[name] ?? view[name])) >= least;
    if (!far("zoom", 0.004) && !far("panX", 0.5) && !far("panY", 0.5) && !far("yaw", 0.004) && !far("pitch", 0.004)) {
      Object.assign(view, goal);
      this.goal = null;
    }
    this.changed();
    return true;
  }

  /**
   * Bring the middle of the selected items nearer to the middle of the map.
   * @param {number} seconds @param {number} position @returns {boolean} whether something moves
   */
  followOn(seconds, position) {
    const { player } = this;
    const { view } = player;
    if (!this.following || player.morph || (view.zoom <= 1 && !view.map.solid)) return false;
    const points = [...player.selection].map((item) => player.map.scene.paths.pointAt(item, position));
    /** @param {"x"|"y"} name */
    const mean = (name) => points.reduce((sum, point) => sum + point[name], 0) / points.length;
    const dx = view.fit.x - mean("x"), dy = view.fit.y - mean("y");
    if (Math.hypot(dx, dy) < 0.5) return false;
    const share = player.motion.matches ? 1 : Math.min(1, Math.max(seconds, 0.008) * 7);
    view.panX += dx * share;
    view.panY += dy * share;
    view.limit();
    this.changed();
    return true;
  }

  stop() {
    clearTimeout(this.timer);
  }
}
