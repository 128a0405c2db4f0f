// Marks on a path where map and features disagree.

import { TAU } from "./numbers.js";
import { css } from "./drawing.js";
import { brush } from "./dom.js";

/**
 * Add the mark of a flagged step to a path: two slanted ticks across the line, as on a broken axis, or a ring on it.
 * @param {Path2D} path @param {number} flag @param {number} x @param {number} y @param {number} angle
 */
export function addFlag(path, flag, x, y, angle) {
  if (flag < 0) {
    path.moveTo(x + 3.4, y);
    path.arc(x, y, 3.4, 0, TAU);
    return;
  }
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (const along of [-1.9, 1.9]) {
    for (const across of [-5, 5]) {
      const a = along + across * 0.35;
      path[across < 0 ? "moveTo" : "lineTo"](x + a * cos - across * sin, y + a * sin + across * cos);
    }
  }
}

/**
 * The key's picture of a line that fades, or of a mark on a line.
 * @param {HTMLCanvasElement} canvas @param {string} shape @param {Theme} theme
 */
export function paintTrustKey(canvas, shape, theme) {
  const { width, height } = canvas;
  const ctx = brush(canvas);
  ctx.clearRect(0, 0, width, height);
  for (let part = 0; part < 6; part++) {
    ctx.fillStyle = css(theme.muted, shape === "trust" ? (6 - part) / 6 : 0.5);
    ctx.fillRect((width * part) / 6, height / 2 - 1.6, width / 6, 3.2);
  }
  if (shape === "trust") return;
  const [breaks, rings] = [new Path2D(), new Path2D()];
  addFlag(shape === "break" ? breaks : rings, shape === "break" ? 1 : -1, 0, 0, 0);
  ctx.setTransform(2, 0, 0, 2, width / 2, height / 2);
  paintFlags(ctx, theme, breaks, rings);
  ctx.setTransform(1, 0, 0, 1, 0, 0);
}

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {Path2D} breaks @param {Path2D} rings */
export function paintFlags(ctx, theme, breaks, rings) {
  ctx.lineCap = "round";
  ctx.lineWidth = 4;
  ctx.strokeStyle = css(theme.paper, 0.9);
  ctx.stroke(breaks);
  ctx.fillStyle = css(theme.paper);
  ctx.fill(rings);
  ctx.lineWidth = 1.4;
  ctx.strokeStyle = css(theme.ink, 0.72);
  ctx.stroke(breaks);
  ctx.stroke(rings);
}
