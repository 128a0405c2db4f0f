// Colours, shapes and texts on a canvas.

import { mix, TAU } from "./numbers.js";
import { brush } from "./dom.js";

const colorProbe = brush(document.createElement("canvas"), { willReadFrequently: true });

/**
 * Any CSS colour as [r, g, b].
 * @param {string} color
 */
function toRgb(color) {
  colorProbe.clearRect(0, 0, 1, 1);
  colorProbe.fillStyle = "#888";
  colorProbe.fillStyle = color;
  colorProbe.fillRect(0, 0, 1, 1);
  return [...colorProbe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/** @param {Color} color @param {number} [alpha] */
export const css = ([r, g, b], alpha = 1) => `rgba(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)}, ${alpha})`;
/** @param {Color} a @param {Color} b @param {number} share */
export const blend = (a, b, share) => a.map((value, i) => mix(value, b[i], share));

/** @param {Color} rgb */
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Color} a @param {Color} b */
function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

/** Colours of the surrounding page, and class colours brought far enough from its background to be seen. */
export class Theme {
  /** @param {HTMLElement} root */
  constructor(root) {
    const style = getComputedStyle(root);
    this.font = style.fontFamily;
    /** How many times larger letters are than on a page, as before an audience. */ this.type = Number(style.getPropertyValue("--sp-type")) || 1;
    this.ink = toRgb(style.color);
    this.paper = toRgb(style.backgroundColor);
    this.accent = toRgb(getComputedStyle(/** @type {HTMLElement} */ (root.querySelector(".sp-accent-probe"))).color);
    this.dark = luminance(this.paper) < luminance(this.ink);
    this.muted = blend(this.ink, this.paper, 0.3); // still 4.5 : 1, as texts need it
    this.grey = blend(this.ink, this.paper, 0.62);
    /** @type {Map<string, Color>} */ this.tuned = new Map();
  }

  /**
   * @param {string} color @returns {number[]} the colour, mixed with the ink until its contrast to the paper is at least 1.9
   */
  tune(color) {
    let rgb = this.tuned.get(color);
    if (!rgb) {
      const given = toRgb(color);
      rgb = given;
      for (let share = 0.06; contrast(rgb, this.paper) < 1.9 && share < 1; share += 0.06) {
        rgb = blend(given, this.ink, share);
      }
      this.tuned.set(color, rgb);
    }
    return rgb;
  }

  /** How many times larger heads and stars are than on a page: less than letters, they have to find room. */
  get marks() {
    return Math.sqrt(this.type);
  }

  get key() {
    return [this.ink, this.paper, this.accent, this.type].join("|");
  }

  /**
   * Letters on a canvas, as its `font`.
   * @param {number} weight @param {number} size px on a page
   */
  text(weight, size) {
    return `${weight} ${size * this.type}px ${this.font}`;
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius
 * @param {number} corners @param {number} turn
 */
function polygon(ctx, x, y, radius, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (i * TAU) / corners;
    ctx[i ? "lineTo" : "moveTo"](x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  ctx.closePath();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius */
export function starPath(ctx, x, y, radius) {
  for (let i = 0; i < 10; i++) {
    const reach = i % 2 ? radius * 0.46 : radius;
    const angle = -TAU / 4 + (i * TAU) / 10;
    ctx[i ? "lineTo" : "moveTo"](x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  ctx.closePath();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius */
function crossPath(ctx, x, y, radius) {
  const arm = radius * 0.36;
  const reach = radius;
  const corners = [[-arm, -reach], [arm, -reach], [arm, -arm], [reach, -arm], [reach, arm], [arm, arm]];
  const all = [...corners, ...corners.map(([a, b]) => [-a, -b])];
  all.forEach(([a, b], i) => ctx[i ? "lineTo" : "moveTo"](x + a, y + b));
  ctx.closePath();
}

/**
 * Path of a shape by plotly's name, sized so that all shapes weigh about the same.
 * @param {CanvasRenderingContext2D} ctx @param {string} symbol @param {number} x @param {number} y @param {number} radius
 */
export function symbolPath(ctx, symbol, x, y, radius) {
  /** @type {Object<string, () => void>} */
  const shapes = {
    circle: () => { ctx.moveTo(x + radius * 0.9, y); ctx.arc(x, y, radius * 0.9, 0, TAU); },
    square: () => polygon(ctx, x, y, radius * 1.12, 4, TAU / 8),
    diamond: () => polygon(ctx, x, y, radius * 1.12, 4, 0),
    "triangle-up": () => polygon(ctx, x, y + radius * 0.16, radius * 1.22, 3, -TAU / 4),
    "triangle-down": () => polygon(ctx, x, y - radius * 0.16, radius * 1.22, 3, TAU / 4),
    cross: () => crossPath(ctx, x, y, radius * 1.05),
    hexagon: () => polygon(ctx, x, y, radius * 1.05, 6, 0),
    pentagon: () => polygon(ctx, x, y, radius * 1.08, 5, -TAU / 4),
    star: () => starPath(ctx, x, y, radius * 1.25),
  };
  (shapes[symbol] ?? shapes.circle)();
}
