// Everything that lies on a map, in pixels.

import { clamp } from "./numbers.js";
import { brush } from "./dom.js";
import { innerCorners } from "./payload.js";
import { Paths } from "./paths.js";

/** @typedef {(map: MapData) => Float32Array|null|undefined} Source  where a map has things (nothing: it has not got them) */
/** @typedef {{points: Float32Array, sizes: Float32Array, of: Source, there: boolean}} Part */

/** Everything on the screen, in pixels: one map through its view, or something between two of them. */
export class Scene {
  /** @param {Journey} journey */
  constructor(journey) {
    const { ghost } = journey;
    const { jumps } = journey;
    this.paths = new Paths(journey.items.length, journey.stateCount, jumps);
    this.ghostPaths = ghost && new Paths(ghost.items.length, ghost.stateCount, [0, ...ghost.handOvers]);
    /** @type {Map<number, Paths>} by item */
    this.seedPaths = new Map([...journey.seedClouds].map(([item, { seeds }]) => [item, new Paths(seeds.length, journey.stateCount, jumps)]));
    /** @param {number} count @param {Source} of */
    const points = (count, of) => ({ points: new Float32Array(2 * count), sizes: new Float32Array(count).fill(1), of, there: false });
    /** @param {Paths} paths @param {Source} of */
    const along = (paths, of) => ({ points: paths.states, sizes: paths.sizes, of, there: false });
    /** @type {Object<string, Part>} what is drawn */
    this.parts = {
      states: along(this.paths, (map) => map.states),
      texts: points(journey.classes.length, (map) => map.texts),
      centers: points(journey.centers.length, (map) => map.centers),
      reference: points(journey.referenceLabels.length, (map) => map.reference),
    };
    if (ghost && this.ghostPaths) {
      this.parts.ghost = along(this.ghostPaths, (map) => map.ghost?.states);
      this.parts.ghostTexts = points(ghost.classes.length, (map) => map.ghost?.texts);
    }
    for (const [item, paths] of this.seedPaths) this.parts[`seeds ${item}`] = along(paths, (map) => map.seeds.get(item));
  }

  /** @param {View} view */
  project(view) {
    for (const part of Object.values(this.parts)) {
      const source = part.of(view.map);
      part.there = Boolean(source);
      if (source) view.project(source, part.points, part.sizes);
    }
  }

  /** Handles of all curves, once everything is in its place. */
  updatePaths() {
    for (const paths of [this.paths, this.ghostPaths, ...this.seedPaths.values()]) paths?.update();
  }

  /**
   * From here (share 0) toward another scene (share 1). What only one of the two maps has is not drawn on the way.
   * @param {Scene} other @param {number} share
   */
  mixWith(other, share) {
    for (const [name, part] of Object.entries(this.parts)) {
      part.there &&= other.parts[name].there;
      if (!part.there) continue;
      for (const kind of /** @type {("points"|"sizes")[]} */ (["points", "sizes"])) {
        const mine = part[kind], theirs = other.parts[name][kind];
        for (let i = 0; i < mine.length; i++) mine[i] += (theirs[i] - mine[i]) * share;
      }
    }
  }

  /** @param {string} name @returns {Spot[]} */
  list(name) {
    const { points, sizes } = this.parts[name];
    return Array.from(sizes, (size, i) => ({ x: points[2 * i], y: points[2 * i + 1], size }));
  }
}

/**
 * How strongly a thing is drawn by its size: what is far is fainter, a thing of size 1 or more is not.
 * @param {number} size
 */
export const depthFade = (size) => clamp(1 + (size - 1) * 2.4, 0.3, 1);

/** Soft clouds of the reference points: a coarse density per category, blurred, as one small picture. */
export class Clouds {
  /** @param {MapData} map a flat one @param {Journey} journey */
  constructor(map, { referenceLabels, groups }) {
    const { reference } = map;
    this.groups = groups;
    this.key = "";
    this.empty = referenceLabels.length === 0;
    this.low = this.high = [0, 0];
    this.columns = this.rows = 0;
    /** @type {(Float32Array|null)[]} */ this.grids = groups.map(() => null);
    this.picture = document.createElement("canvas");
    if (this.empty) return;
    const bounds = innerCorners(reference, 2, 0.01);
    let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (let i = 0; i < bounds.length; i++) {
      low[i % 2] = Math.min(low[i % 2], bounds[i]);
      high[i % 2] = Math.max(high[i % 2], bounds[i]);
    }
    const padding = 0.12 * Math.max(high[0] - low[0], high[1] - low[1], 1e-6);
    this.low = low.map((value) => value - padding);
    this.high = high.map((value) => value + padding);
    const long = Math.max(this.high[0] - this.low[0], this.high[1] - this.low[1]);
    this.columns = Math.max(8, Math.round((150 * (this.high[0] - this.low[0])) / long));
    this.rows = Math.max(8, Math.round((150 * (this.high[1] - this.low[1])) / long));
    for (let i = 0; i < referenceLabels.length; i++) this.#count(referenceLabels[i], reference[2 * i], reference[2 * i + 1]);
    this.grids = this.grids.map((grid) => grid && blur(grid, this.columns, this.rows, 4));
  }

  /** @param {number} label @param {number} x @param {number} y */
  #count(label, x, y) {
    const column = Math.floor(((x - this.low[0]) / (this.high[0] - this.low[0])) * this.columns);
    const row = Math.floor(((this.high[1] - y) / (this.high[1] - this.low[1])) * this.rows);
    if (!this.groups[label] || column < 0 || row < 0 || column >= this.columns || row >= this.rows) return;
    const grid = (this.grids[label] ??= new Float32Array(this.columns * this.rows));
    grid[row * this.columns + column] += 1;
  }

  /**
   * @param {(center: Styled) => number} weight share of its full strength that a category is drawn with
   * @param {Theme} theme @param {string|null} highlight
   */
  paint(theme, highlight, weight) {
    const key = `${theme.key} ${highlight}`;
    if (this.empty || key === this.key) return;
    this.key = key;
    const size = this.columns * this.rows;
    const sums = new Float32Array(size * 4);
    this.grids.forEach((grid, label) => {
      if (!grid) return;
      const color = theme.tune(this.groups[label].color);
      const share = weight(this.groups[label]);
      for (let i = 0; i < size; i++) {
        const density = grid[i] * share;
        if (density < 1e-6) continue;
        for (let channel = 0; channel < 3; channel++) sums[4 * i + channel] += density * color[channel];
        sums[4 * i + 3] += density;
      }
    });
    const densities = [];
    for (let i = 3; i < sums.length; i += 4) if (sums[i] > 1e-4) densities.push(sums[i]);
    densities.sort((a, b) => a - b);
    const typical = densities[Math.floor(densities.length * 0.8)] || 1;
    this.picture.width = this.columns;
    this.picture.height = this.rows;
    const ctx = brush(this.picture);
    const image = ctx.createImageData(this.columns, this.rows);
    for (let i = 0; i < size; i++) {
      const density = sums[4 * i + 3];
      if (density < 1e-6) continue;
      for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = sums[4 * i + channel] / density;
      image.data[4 * i + 3] = 255 * (theme.dark ? 0.34 : 0.26) * (1 - Math.exp(-density / typical));
    }
    ctx.putImageData(image, 0, 0);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {View} view */
  draw(ctx, view) {
    if (this.empty) return;
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    const x = view.toX(this.low[0]), y = view.toY(this.high[1]);
    ctx.drawImage(this.picture, x, y, view.toX(this.high[0]) - x, view.toY(this.low[1]) - y);
  }
}

/**
 * Three box blurs, which come close to a Gaussian.
 * @param {Float32Array} grid @param {number} columns @param {number} rows @param {number} radius
 */
function blur(grid, columns, rows, radius) {
  let source = grid;
  for (let pass = 0; pass < 3; pass++) {
    source = boxBlur(source, columns, rows, radius, 1, columns);
    source = boxBlur(source, rows, columns, radius, columns, 1);
  }
  return source;
}

/**
 * @param {Float32Array} source @param {number} length @param {number} lines @param {number} radius
 * @param {number} step @param {number} lineStep
 */
function boxBlur(source, length, lines, radius, step, lineStep) {
  const target = new Float32Array(source.length);
  for (let line = 0; line < lines; line++) {
    let sum = 0;
    const start = line * lineStep;
    for (let i = -radius; i < length; i++) {
      if (i + radius < length) sum += source[start + (i + radius) * step];
      if (i - radius - 1 >= 0) sum -= source[start + (i - radius - 1) * step];
      if (i >= 0) target[start + i * step] = sum / (2 * radius + 1);
    }
  }
  return target;
}
