// The projection-free twin of the map.

import { clamp, mix, numberText, TAU, ticks } from "./numbers.js";
import { css, symbolPath } from "./drawing.js";
import { drawnColor, itemColor } from "./item_color.js";
import { brush, el, fitCanvas } from "./dom.js";
import { fitText, spreadLabels } from "./labels.js";

const MOST_LINES = 256; // items that get a line of their own
const STRIP = 46; // px below the curves for distances, where there are any

/** The projection-free twin: cosine to each class text against the step. */
export class CurvePainter {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.base = el("canvas", { class: "sp-layer", "aria-hidden": "true" });
    this.moving = el("canvas", { class: "sp-layer", "data-testid": "curve-canvas", "aria-hidden": "true" });
    this.width = this.height = this.density = 1;
    /** @type {Journey} */ this.journey;
    /** @type {number[]} those that the curves are of */ this.items = [];
    /** Mean curves [kept, s]. */ this.values = new Float32Array(0);
    /** @type {Float32Array[]} by item; empty where they are too many, or a single one */ this.lines = [];
    /** @type {SeedCloud|undefined} of a single item */ this.seeds = undefined;
    /** @type {{name: string, values: number[], dashed: boolean}[]} */ this.strips = [];
    /** @type {number[]} curves, the highest at the end first */ this.ranking = [];
    this.low = this.high = 0;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    this.width = width;
    this.height = height;
    for (const canvas of [this.base, this.moving]) this.density = fitCanvas(canvas, width, height);
  }

  /**
   * Recompute for the items shown (the selection, or all).
   * @param {Journey} journey @param {number[]} items
   */
  load(journey, items) {
    this.journey = journey;
    this.values = journey.meanCurves(items);
    this.lines = journey.items.length > 1 && journey.items.length <= MOST_LINES ? this.#itemLines() : [];
    this.seeds = items.length === 1 ? journey.seedClouds.get(items[0]) : undefined;
    this.strips = this.#strips(items);
    let low = Infinity, high = -Infinity;
    for (const values of [this.values, ...this.lines]) {
      for (const value of values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    const padding = Math.max(0.02, (high - low) * 0.06);
    this.low = Math.max(-1, low - padding);
    this.high = Math.min(1.02, high + padding);
    const finals = journey.curveClasses.map((_, curve) => this.value(curve, journey.last));
    this.ranking = finals.map((_, curve) => curve).sort((a, b) => finals[b] - finals[a]);
    this.items = items;
  }

  /** For each item its cosine to the class text that its path ends nearest to, at each step; empty where that has no curve. */
  #itemLines() {
    const { items, curveClasses, stateCount } = this.journey;
    return items.map((item, index) => {
      const curve = curveClasses.indexOf(item.nearest);
      return Float32Array.from({ length: curve < 0 ? 0 : stateCount }, (_, step) => this.journey.similarity(index, step, curve));
    });
  }

  /**
   * What is drawn below the curves, in lengths of a feature.
   * @param {number[]} items @returns {{name: string, values: number[], dashed: boolean}[]}
   */
  #strips(items) {
    const { ghost, stateCount } = this.journey;
    /** @param {(step: number) => number} value */
    const along = (value) => Array.from({ length: stateCount }, (_, step) => value(step));
    /** @type {CurvePainter["strips"]} */ const strips = [];
    if (ghost && this.player.ghostShown && ghost.difference(items, 0) !== null) {
      strips.push({ name: "to before", values: along((step) => ghost.difference(items, step) ?? 0), dashed: true });
    }
    if (this.seeds) strips.push({ name: "seeds apart", values: [...this.seeds.spread], dashed: false });
    return strips;
  }

  /**
   * Cosine at a fractional step.
   * @param {number} curve @param {number} position
   */
  value(curve, position) {
    const base = curve * this.journey.stateCount;
    const step = Math.min(Math.floor(position), this.journey.last - 1);
    return mix(this.values[base + step], this.values[base + step + 1], position - step);
  }

  get area() {
    const room = this.strips.length ? STRIP : 0;
    return { left: 40, right: this.width - (this.width < 300 ? 82 : 106), top: 22, bottom: this.height - 28 - room };
  }

  /** @param {number} position */
  x(position) {
    const { left, right } = this.area;
    return left + ((right - left) * position) / this.journey.last;
  }

  /** @param {number} value */
  y(value) {
    const { top, bottom } = this.area;
    return bottom - ((bottom - top) * (value - this.low)) / (this.high - this.low);
  }

  /**
   * Step under a screen x.
   * @param {number} x
   */
  positionAt(x) {
    const { left, right } = this.area;
    return clamp(((x - left) / (right - left)) * this.journey.last, 0, this.journey.last);
  }

  /** @param {number} curve */
  #style(curve) {
    return this.journey.classes[this.journey.curveClasses[curve]];
  }

  drawBase() {
    const ctx = brush(this.base);
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    this.#drawFrame(ctx);
    this.#drawItemLines(ctx);
    const strong = new Set(this.ranking.slice(0, 6));
    if (this.seeds) for (const curve of strong) this.#drawBand(ctx, this.seeds, curve);
    for (const curve of [...this.ranking].reverse()) this.#drawCurve(ctx, curve, strong.has(curve));
    this.#drawCommitment(ctx);
    this.#drawEndLabels(ctx);
    this.#drawStrips(ctx);
  }

  /**
   * A thin line for each item, in the colour of the class that it ends at; grey where others are selected.
   * @param {CanvasRenderingContext2D} ctx
   */
  #drawItemLines(ctx) {
    const { selection } = this.player;
    const { items, classes } = this.journey;
    const alpha = clamp(3 / Math.max(1, this.lines.length), 0.12, 0.4);
    this.lines.forEach((values, item) => {
      if (!values.length || (selection.size === 1 && selection.has(item))) return; // the one item's own curve is there
      const vivid = this.player.isVivid(item);
      ctx.strokeStyle = css(itemColor(this.player, this.journey, item, classes[items[item].nearest]), vivid ? alpha : 0.14);
      ctx.lineWidth = vivid && selection.size ? 1.4 : 1;
      ctx.beginPath();
      values.forEach((value, step) => ctx[step ? "lineTo" : "moveTo"](this.x(step), this.y(value)));
      ctx.stroke();
    });
  }

  /**
   * Where 80 of 100 seeds are.
   * @param {CanvasRenderingContext2D} ctx @param {SeedCloud} seeds @param {number} curve
   */
  #drawBand(ctx, seeds, curve) {
    const { theme } = this.player;
    const style = this.#style(curve);
    if (this.player.isDimmed(style)) return;
    ctx.beginPath();
    const { last } = this.journey;
    for (let step = 0; step <= last; step++) ctx[step ? "lineTo" : "moveTo"](this.x(step), this.y(seeds.band(step, curve)[1]));
    for (let step = last; step >= 0; step--) ctx.lineTo(this.x(step), this.y(seeds.band(step, curve)[0]));
    ctx.closePath();
    ctx.fillStyle = css(theme.tune(style.color), 0.2);
    ctx.fill();
  }

  /**
   * Distances below the curves: how far the ghost is, how far the seeds are apart.
   * @param {CanvasRenderingContext2D} ctx
   */
  #drawStrips(ctx) {
    if (!this.strips.length) return;
    const { theme } = this.player;
    const { left, right } = this.area;
    const foot = this.height - 6;
    const highest = Math.max(0.05, ...this.strips.flatMap(({ values }) => values));
    /** @param {number} value */
    const stripY = (value) => foot - (value / highest) * (STRIP - 16);
    ctx.fillStyle = css(theme.ink, 0.12);
    ctx.fillRect(left, foot, right - left, 1);
    ctx.font = theme.text(500, 13);
    ctx.textBaseline = "middle";
    this.strips.forEach(({ name, values, dashed }, i) => {
      ctx.beginPath();
      values.forEach((value, step) => ctx[step ? "lineTo" : "moveTo"](this.x(step), stripY(value)));
      ctx.setLineDash(dashed ? [5, 3] : []);
      ctx.lineWidth = 1.5;
      ctx.strokeStyle = css(theme.ink, 0.75);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.lineTo(right, foot);
      ctx.lineTo(left, foot);
      ctx.fillStyle = css(theme.ink, 0.05);
      ctx.fill();
      ctx.textAlign = "left";
      ctx.fillStyle = css(theme.muted);
      ctx.fillText(fitText(ctx, name, this.width - right - 10), right + 8, foot - 5 - 15 * i);
    });
    ctx.textAlign = "right";
    ctx.fillText(numberText(highest, highest < 1 ? 2 : 1), left - 8, foot - (STRIP - 16));
    ctx.textAlign = "left";
  }

  /**
   * The item whose line is under the pointer, -1 for none.
   * @param {number} x @param {number} y
   */
  hit(x, y) {
    const { left, right } = this.area;
    if (x < left || x > right) return -1;
    const position = this.positionAt(x);
    let best = -1, bestGap = 5;
    this.lines.forEach((values, item) => {
      if (!values.length) return;
      const step = Math.min(Math.floor(position), this.journey.last - 1);
      const gap = Math.abs(this.y(mix(values[step], values[step + 1], position - step)) - y);
      if (gap <= bestGap) [best, bestGap] = [item, gap];
    });
    return best;
  }

  /**
   * Items whose line passes through a region.
   * @param {(point: Point) => boolean} inside
   */
  itemsWithin(inside) {
    /** @param {Float32Array} values */
    const touches = (values) => values.some((value, step) => {
      if (step === 0) return inside({ x: this.x(0), y: this.y(value) });
      // Steps may lie further apart than the region is wide.
      return [0.25, 0.5, 0.75, 1].some((u) => inside({ x: this.x(step - 1 + u), y: this.y(mix(values[step - 1], value, u)) }));
    });
    return [...this.lines.keys()].filter((item) => touches(this.lines[item]));
  }

  /** @param {CanvasRenderingContext2D} ctx */
  #drawFrame(ctx) {
    const { theme } = this.player;
    const { left, right, top, bottom } = this.area;
    const { handOvers, last } = this.journey;
    const edges = [0, ...handOvers, last].map((step) => this.x(step));
    ctx.fillStyle = css(theme.ink, 0.028);
    for (let i = 0; i < edges.length - 1; i += 2) ctx.fillRect(edges[i], top, edges[i + 1] - edges[i], bottom - top);
    ctx.font = theme.text(500, 13);
    ctx.textBaseline = "middle";
    const { values, digits } = ticks(this.low, this.high);
    for (const tick of values) {
      const y = this.y(tick);
      ctx.fillStyle = css(theme.ink, 0.09);
      ctx.fillRect(left, Math.round(y), right - left, 1);
      ctx.fillStyle = css(theme.muted);
      ctx.textAlign = "right";
      ctx.fillText(numberText(tick, digits), left - 8, y);
    }
    ctx.setLineDash([3, 4]);
    ctx.strokeStyle = css(theme.ink, 0.45);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const edge of edges.slice(1, -1)) {
      ctx.moveTo(edge, top - 4);
      ctx.lineTo(edge, bottom);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = css(theme.muted);
    ctx.textAlign = "center";
    if (handOvers.length === 1) ctx.fillText("hand-over", edges[1], top - 12);
    ctx.textAlign = "left";
    ctx.fillText("0", left, bottom + 18);
    ctx.textAlign = "right";
    ctx.fillText(`step ${this.journey.last}`, right, bottom + 18);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} curve @param {boolean} strong */
  #drawCurve(ctx, curve, strong) {
    const { theme } = this.player;
    const style = this.#style(curve);
    const dimmed = this.player.isDimmed(style);
    const first = curve === this.ranking[0];
    ctx.strokeStyle = css(drawnColor(theme, style, !dimmed), dimmed ? 0.25 : strong ? 0.95 : 0.4);
    ctx.lineWidth = dimmed ? 1 : first ? 2.6 : strong ? 1.7 : 1;
    ctx.lineJoin = "round";
    ctx.beginPath();
    for (let step = 0; step <= this.journey.last; step++) {
      ctx[step ? "lineTo" : "moveTo"](this.x(step), this.y(this.value(curve, step)));
    }
    ctx.stroke();
  }

  /**
   * Where items commit: a flag on the axis for each, and for a single one a line up to its curve.
   * @param {CanvasRenderingContext2D} ctx
   */
  #drawCommitment(ctx) {
    const { theme } = this.player;
    const { bottom } = this.area;
    for (const index of this.items) {
      const item = this.journey.items[index];
      const style = this.journey.classes[item.nearest];
      const color = drawnColor(theme, style, !this.player.isDimmed(style));
      const x = this.x(item.commitment);
      const reach = this.items.length === 1 ? 6 : 4;
      ctx.beginPath();
      ctx.moveTo(x - reach, bottom + 1.7 * reach);
      ctx.lineTo(x + reach, bottom + 1.7 * reach);
      ctx.lineTo(x, bottom + 1);
      ctx.closePath();
      ctx.fillStyle = css(color, this.items.length === 1 ? 1 : 0.7);
      ctx.fill();
      if (this.items.length === 1) this.#drawCommitmentLine(ctx, item, color, x);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Item} item @param {Color} color @param {number} x */
  #drawCommitmentLine(ctx, item, color, x) {
    const { theme } = this.player;
    const curve = this.journey.curveClasses.indexOf(item.nearest);
    if (curve < 0) return;
    const y = this.y(this.value(curve, item.commitment));
    ctx.strokeStyle = css(color, 0.75);
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    ctx.moveTo(x, this.area.bottom);
    ctx.lineTo(x, y);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, y, 4.5, 0, TAU);
    ctx.fillStyle = css(theme.paper);
    ctx.fill();
    ctx.lineWidth = 2;
    ctx.strokeStyle = css(color);
    ctx.stroke();
  }

  /** @param {CanvasRenderingContext2D} ctx */
  #drawEndLabels(ctx) {
    const { theme } = this.player;
    const { right, top, bottom } = this.area;
    const spacing = 17 * this.player.theme.type;
    const shown = this.ranking.slice(0, clamp(Math.floor((bottom - top) / spacing), 1, 6));
    const labels = shown
      .map((curve) => ({ curve, y: this.y(this.value(curve, this.journey.last)) }))
      .sort((a, b) => a.y - b.y);
    spreadLabels(labels, spacing, top + 4, bottom - 4);
    ctx.font = this.player.theme.text(550, 13);
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const { curve, y } of labels) {
      const style = this.#style(curve);
      const dimmed = this.player.isDimmed(style);
      ctx.beginPath();
      symbolPath(ctx, style.symbol, right + 11, y, 4.2);
      ctx.fillStyle = css(drawnColor(theme, style, !dimmed));
      ctx.fill();
      ctx.fillStyle = css(dimmed ? theme.grey : theme.ink);
      ctx.fillText(fitText(ctx, style.name, this.width - right - 22), right + 20, y);
    }
  }

  /** @param {number} position */
  drawMoving(position) {
    const { theme } = this.player;
    const { top, bottom } = this.area;
    const ctx = brush(this.moving);
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    const x = this.x(position);
    ctx.fillStyle = css(theme.accent, 0.9);
    ctx.fillRect(x - 1, top - 2, 2, (this.strips.length ? this.height - 6 : bottom) - top + 2);
    for (const curve of this.ranking.slice(0, 6).reverse()) {
      const style = this.#style(curve);
      if (this.player.isDimmed(style)) continue;
      ctx.beginPath();
      symbolPath(ctx, style.symbol, x, this.y(this.value(curve, position)), 5);
      ctx.lineWidth = 2.5;
      ctx.lineJoin = "round";
      ctx.strokeStyle = css(theme.paper);
      ctx.stroke();
      ctx.fillStyle = css(theme.tune(style.color));
      ctx.fill();
    }
  }
}
