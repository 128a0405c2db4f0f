// The marks of a wrong answer, and of an end that a map draws at another word.

import { TAU } from "./numbers.js";
import { blend, css } from "./drawing.js";
import { brush } from "./dom.js";

const RED = [229, 38, 31]; // with a quarter of the ink it is read on light and on dark paper

/**
 * A cross in a red disc. No class has a slanted cross, and nothing else lies at a head's upper edge.
 * @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {number} x @param {number} y @param {number} radius
 */
export function paintWrong(ctx, theme, x, y, radius) {
  const arm = radius * 0.42;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, TAU);
  ctx.lineWidth = radius * 0.5;
  ctx.strokeStyle = css(theme.paper);
  ctx.stroke();
  ctx.fillStyle = css(blend(RED, theme.ink, 0.25));
  ctx.fill();
  ctx.beginPath();
  for (const turn of [1, -1]) {
    ctx.moveTo(x - arm, y - arm * turn);
    ctx.lineTo(x + arm, y + arm * turn);
  }
  ctx.lineCap = "round";
  ctx.lineWidth = radius * 0.34;
  ctx.stroke();
  ctx.restore();
}

/**
 * Dots that lead from an end to its word; `from` is where the end is.
 * @param {CanvasRenderingContext2D} ctx @param {Point} from @param {Point} to
 */
export function strokeTether(ctx, from, to) {
  ctx.save();
  ctx.setLineDash([2, 4]);
  ctx.lineWidth = 1.8;
  ctx.beginPath();
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(to.x, to.y);
  ctx.stroke();
  ctx.restore();
}

/** @param {HTMLCanvasElement} canvas @param {Theme} theme */
export function paintTetherKey(canvas, theme) {
  const ctx = brush(canvas);
  const scale = canvas.height / 16; // its pixels are two to a px of the page
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  ctx.strokeStyle = css(theme.muted);
  strokeTether(ctx, { x: 1, y: 8 }, { x: canvas.width / scale - 1, y: 8 });
}

/** @param {HTMLCanvasElement} canvas @param {Theme} theme */
export function paintWrongKey(canvas, theme) {
  const ctx = brush(canvas);
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  paintWrong(ctx, theme, canvas.width / 2, canvas.height / 2, canvas.width * 0.38);
}
