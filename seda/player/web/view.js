// The way from a map to the screen.

import { clamp } from "./numbers.js";

/** @typedef {{top: number, bottom: number, type?: number}} Insets  room that controls take from the map, px; how much larger its letters are than on a page */
/** @typedef {{zoom: number, panX: number, panY: number, yaw: number, pitch: number}} Pose */
/**
 * @typedef {{x: number, y: number, at: number[], scale: number[], half: number[], radius: number}} Fit  the point of the screen that
 *   shows the map's middle (`at`, in map units), pixels a unit along both axes; half and radius: how far a solid map reaches
 */

const MAX_ZOOM = 40;

const EYE = 3.4; // distance of the eye from a solid map's middle, in its radii: a gentle perspective
const SMALL = 330; // px: narrower views are panels among others
/** @type {Pose} */
export const HOME = { zoom: 1, panX: 0, panY: 0, yaw: -0.55, pitch: 0.32 };

const FLAT = { half: [0, 0, 0], radius: 0 }; // what only a solid map has

/**
 * One map's way to the screen: a fit to all of it, then zoom, pan, and for a solid map two angles. Flat maps have the
 * same scale on both axes; a timeline fills the width.
 */
export class View {
  /**
   * @param {MapData} map
   * @param {Pose & {width: number, height: number}} [like] an earlier view of the map, whose zoom and turn are taken over
   */
  constructor(map, like) {
    this.map = map;
    const { zoom, panX, panY, yaw, pitch } = like ?? HOME;
    this.zoom = zoom;
    this.panX = panX;
    this.panY = panY;
    this.yaw = yaw;
    this.pitch = pitch;
    this.width = like?.width ?? 1;
    this.height = like?.height ?? 1;
    /** @type {Insets} */ this.insets = { top: 0, bottom: 0, type: 1 };
    /** @type {Fit} set with the first frame */ this.fit = { ...FLAT, x: 0, y: 0, at: [0, 0], scale: [1, 1] };
  }

  /** @param {Insets} insets @param {number} width @param {number} height */
  frame(width, height, insets) {
    this.panX *= this.width > 1 ? width / this.width : 1;
    this.panY *= this.width > 1 ? width / this.width : 1;
    this.width = width;
    this.height = height;
    this.insets = insets;
    // Room for heads and labels around the outermost points.
    const padX = clamp(width * 0.1, this.small ? 18 : 34, 96), padY = clamp((height - insets.top - insets.bottom) * 0.07, this.small ? 12 : 22, 48);
    const box = { left: padX, right: width - padX, top: insets.top + padY, bottom: height - insets.bottom - padY };
    if (this.map.timeline) this.fit = this.#timelineFit(box);
    else if (this.map.solid) this.fit = this.#solidFit(box);
    else this.fit = this.#flatFit(box);
  }

  /** Whether all marks are drawn smaller, as in a still panel. */
  get small() {
    return this.width < SMALL;
  }

  /** Least distance of two words on a timeline, px. */
  get rowHeight() {
    return this.map.timeline ? this.map.rowShare * (this.map.bounds.high[1] - this.map.bounds.low[1]) * this.fit.scale[1] * this.zoom : Infinity;
  }

  /** Room for the words at a timeline's right edge, beside their heads; px. */
  get labelRoom() {
    return Math.max(48, this.width - this.toX(1) - 54);
  }

  /**
   * The box's middle shows the map's middle (`at`, in map units), `scale` pixels a unit.
   * @param {Frame} room
   */
  #flatFit({ left, right, top, bottom }) {
    const { low, high } = this.map.bounds;
    const scale = Math.max(1e-6, Math.min((right - left) / Math.max(high[0] - low[0], 1e-6), (bottom - top) / Math.max(high[1] - low[1], 1e-6)));
    const at = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    return { ...FLAT, x: (left + right) / 2, y: (top + bottom) / 2, at, scale: [scale, scale] };
  }

  /** @param {Frame} room */
  #timelineFit({ top, bottom }) {
    const { low, high } = this.map.bounds;
    const { type = 1 } = this.insets;
    const right = clamp(this.width * 0.25, 96 * type, 260 * type), left = clamp(this.width * 0.03, 10, 34);
    const from = Math.min(low[0], 0);
    const axis = 22 * type, head = 20 * type; // px: the steps at the foot, the names of the stages on top
    const span = Math.max(high[1] - low[1], 1e-6);
    return {
      ...FLAT, x: (left + this.width - right) / 2, y: (top + head + bottom - axis) / 2, at: [(from + 1) / 2, (low[1] + high[1]) / 2],
      scale: [(this.width - right - left) / (1 - from), (bottom - axis - top - head) / span],
    };
  }

  /**
   * So that turning sideways moves nothing out of sight.
   * @param {Frame} room
   */
  #solidFit({ left, right, top, bottom }) {
    const { low, high } = this.map.bounds;
    const at = low.map((value, axis) => (value + high[axis]) / 2);
    const half = low.map((value, axis) => Math.max((high[axis] - value) / 2, 1e-6));
    const { around, tall } = this.map.reach(at, HOME.pitch);
    // What is near the eye is drawn a little larger.
    const scale = Math.min((right - left) / 2 / around, (bottom - top) / 2 / tall) / 1.05;
    return { x: (left + right) / 2, y: (top + bottom) / 2, at, scale: [scale, scale], half, radius: Math.max(around, half[1]) };
  }

  /** Where the map's middle lies on the screen: zooming moves everything straight away from it. */
  get middle() {
    return { x: this.fit.x + this.panX, y: this.fit.y + this.panY };
  }

  /**
   * Screen x and y of a point of a flat map or a timeline.
   * @param {number} x
   */
  toX(x) {
    return this.middle.x + (x - this.fit.at[0]) * this.fit.scale[0] * this.zoom;
  }

  /** @param {number} y */
  toY(y) {
    return this.middle.y - (y - this.fit.at[1]) * this.fit.scale[1] * this.zoom;
  }

  /**
   * All points of an array to the screen.
   * @param {ArrayLike<number>} source [m, q] @param {Float32Array} points [m, 2] receives pixels
   * @param {Float32Array} sizes [m] receives how much larger than in the middle a thing is drawn: near ones above 1
   */
  project(source, points, sizes) {
    const { fit, zoom } = this;
    const { x: middleX, y: middleY } = this.middle;
    const [scaleX, scaleY] = [fit.scale[0] * zoom, fit.scale[1] * zoom];
    const [atX, atY, atZ] = fit.at;
    if (!this.map.solid) {
      for (let i = 0; i < source.length; i += 2) {
        points[i] = middleX + (source[i] - atX) * scaleX;
        points[i + 1] = middleY - (source[i + 1] - atY) * scaleY;
      }
      sizes.fill(1);
      return;
    }
    const cosYaw = Math.cos(this.yaw), sinYaw = Math.sin(this.yaw), cosPitch = Math.cos(this.pitch), sinPitch = Math.sin(this.pitch);
    const eye = EYE * fit.radius;
    for (let i = 0, p = 0; i < source.length; i += 3, p += 1) {
      const x = source[i] - atX, y = source[i + 1] - atY, z = source[i + 2] - atZ;
      const side = cosYaw * x + sinYaw * z, away = cosYaw * z - sinYaw * x;
      const depth = cosPitch * away - sinPitch * y; // grows away from the eye
      const size = eye / Math.max(eye + depth, eye * 0.3);
      points[2 * p] = middleX + side * scaleX * size;
      points[2 * p + 1] = middleY - (cosPitch * y + sinPitch * away) * scaleY * size;
      sizes[p] = size;
    }
  }

  /**
   * Zoom by a factor around a screen point.
   * @param {number} factor @param {number} x @param {number} y
   */
  zoomAt(factor, x, y) {
    const zoom = clamp(this.zoom * factor, 1, MAX_ZOOM);
    const ratio = zoom / this.zoom;
    this.panX = (this.panX + this.fit.x - x) * ratio + x - this.fit.x;
    this.panY = (this.panY + this.fit.y - y) * ratio + y - this.fit.y;
    this.zoom = zoom;
    if (zoom === 1) this.panX = this.panY = 0;
    this.limit();
  }

  /** Keep some of the picture in sight. */
  limit() {
    const reach = this.zoom * 0.5 + 0.1;
    this.panX = clamp(this.panX, -this.width * reach, this.width * reach);
    this.panY = clamp(this.panY, -this.height * reach, this.height * reach);
  }

  /**
   * Turn a solid map; it stays upright.
   * @param {number} yaw @param {number} pitch
   */
  orbit(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = clamp(this.pitch + pitch, -1.45, 1.45);
  }

  /** What must be equal for a painted picture to be only moved and scaled. */
  get turn() {
    return `${this.map.name} ${this.yaw} ${this.pitch}`;
  }
}
