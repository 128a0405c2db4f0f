// What is lit on the map while something is explained: the terms of a formula where they are drawn.

import { TAU } from "./numbers.js";
import { css } from "./drawing.js";

/** @typedef {"state"|"noise"|"weights"|"gap"} LightName */

const RING = 5; // px between a head and the ring around it

/** Lights of one item, and of all together. */
export class Lights {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    /** @type {Set<LightName>} */ this.shown = new Set();
    /** The item that they are of. */ this.item = 0;
  }

  /**
   * @param {CanvasRenderingContext2D} ctx @param {number} position @param {number} step
   */
  draw(ctx, position, step) {
    if (!this.shown.size) return;
    if (this.shown.has("gap")) this.#drawGap(ctx, position);
    if (this.shown.has("weights")) this.#drawWeights(ctx, step);
    if (this.shown.has("noise")) this.#drawNoise(ctx, step);
    if (this.shown.has("state")) this.#ring(ctx, this.#head.x, this.#head.y, this.#radius + RING, 3);
  }

  get #head() {
    return this.painter.heads.places[this.item];
  }

  get #radius() {
    return this.painter.heads.radii[this.item];
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius @param {number} width */
  #ring(ctx, x, y, radius, width) {
    const { theme } = this.painter.player;
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, TAU);
    ctx.lineWidth = width + 2;
    ctx.strokeStyle = css(theme.paper, 0.9);
    ctx.stroke();
    ctx.lineWidth = width;
    ctx.strokeStyle = css(theme.accent);
    ctx.stroke();
  }

  /**
   * A line from the middle of all items to the middle of all words, as the map has them.
   * @param {CanvasRenderingContext2D} ctx @param {number} position
   */
  #drawGap(ctx, position) {
    const { player, scene, journey, landmarks } = this.painter;
    const { theme } = player;
    /** @param {Point[]} points */
    const middle = (points) => ({ x: points.reduce((sum, { x }) => sum + x, 0) / points.length, y: points.reduce((sum, { y }) => sum + y, 0) / points.length });
    const from = middle(journey.items.map((_, item) => scene.paths.pointAt(item, position))), to = middle(landmarks.textPoints);
    ctx.setLineDash([9, 6]);
    for (const [width, color] of /** @type {[number, string][]} */ ([[6, css(theme.paper, 0.9)], [3, css(theme.accent)]])) {
      ctx.lineWidth = width;
      ctx.strokeStyle = color;
      ctx.beginPath();
      ctx.moveTo(from.x, from.y);
      ctx.lineTo(to.x, to.y);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    for (const { x, y } of [from, to]) {
      ctx.beginPath();
      ctx.arc(x, y, 7, 0, TAU);
      ctx.fillStyle = css(theme.accent);
      ctx.fill();
      ctx.lineWidth = 2;
      ctx.strokeStyle = css(theme.paper);
      ctx.stroke();
    }
  }

  /**
   * How much each candidate weighs: the area of a disc around it, and a line to the item.
   * @param {CanvasRenderingContext2D} ctx @param {number} step
   */
  #drawWeights(ctx, step) {
    const { player, journey, landmarks } = this.painter;
    const weights = journey.numbers.weights(this.item, step);
    if (!weights) return;
    const head = this.#head, most = landmarks.starRadius * 4;
    /** @param {Spot[]} points @param {number[]} shares @param {Styled[]} styles */
    const drawn = (points, shares, styles) => points.forEach(({ x, y }, i) => {
      if (shares[i] < 0.01) return;
      const color = player.theme.tune(styles[i].color);
      ctx.beginPath();
      ctx.moveTo(head.x, head.y);
      ctx.lineTo(x, y);
      ctx.lineWidth = Math.max(1, 7 * shares[i]);
      ctx.strokeStyle = css(color, 0.45);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, y, most * Math.sqrt(shares[i]), 0, TAU);
      ctx.fillStyle = css(color, 0.28);
      ctx.fill();
      ctx.lineWidth = 2;
      ctx.strokeStyle = css(color, 0.9);
      ctx.stroke();
    });
    drawn(landmarks.centerPoints, weights.centers, journey.centers);
    drawn(landmarks.textPoints, weights.texts, journey.classes);
  }

  /**
   * The share of noise, as the width of a dotted halo: not to the map's scale, on which noise has no size.
   * @param {CanvasRenderingContext2D} ctx @param {number} step
   */
  #drawNoise(ctx, step) {
    const { player, journey } = this.painter;
    const levels = journey.numbers.levels(step);
    if (!levels) return;
    const { x, y } = this.#head, reach = this.#radius * (1 + 1.6 * levels.noise);
    ctx.setLineDash([2, 5]);
    ctx.lineCap = "round";
    for (let radius = this.#radius + 4; radius <= reach; radius += 5) {
      ctx.beginPath();
      ctx.arc(x, y, radius, 0, TAU);
      ctx.lineWidth = 2;
      ctx.strokeStyle = css(player.theme.ink, 0.5);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.lineCap = "butt";
  }
}
