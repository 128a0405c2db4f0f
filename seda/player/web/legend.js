// The classes with their colours, shapes and values; pressing one highlights it.

import { clamp, numberText } from "./numbers.js";
import { css, symbolPath } from "./drawing.js";
import { brush, el } from "./dom.js";

/**
 * What makes two classes one on the screen.
 * @param {Styled} one
 */
export const styleKey = (one) => `${one.color} ${one.symbol}`;

export class Legend {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.element = el("div", { class: "sp-legend", role: "group", "aria-label": "Classes: press to highlight", "data-testid": "legend" });
    /** @type {{button: HTMLElement, swatch: HTMLCanvasElement, bar: HTMLElement, value: HTMLElement, style: Styled, curve: number}[]} */
    this.rows = [];
  }

  /** @param {Journey} journey */
  load({ classes, kinds, centers, curveClasses }) {
    this.rows = [];
    const curveOf = new Map(curveClasses.map((one, curve) => [one, curve]));
    const shown = new Set(classes.map(styleKey));
    const others = centers.filter((center) => !shown.has(styleKey(center)));
    this.element.replaceChildren(
      ...classes.map((style, index) => this.#row(style, index, curveOf.get(index) ?? -1)),
      ...kinds.map((style) => this.#row(style, -1, -1)),
      ...(others.length ? [el("p", { class: "sp-legend-heading", text: "Categories that are none of your words" })] : []),
      ...others.map((style) => this.#row(style, -1, -1)),
    );
    this.restyle();
  }

  /** @param {Styled} style @param {number} index @param {number} curve */
  #row(style, index, curve) {
    const swatch = el("canvas", { class: "sp-swatch", width: 36, height: 36, "aria-hidden": "true" });
    const bar = el("i", { class: "sp-bar" });
    const value = el("span", { class: "sp-value" });
    /** @type {HTMLButtonElement} */
    const button = el(
      "button",
      {
        type: "button", class: "sp-legend-row", "aria-pressed": "false", title: style.name,
        "data-testid": "legend-entry", "data-index": index,
        on: {
          click: () => this.player.toggleHighlight(style),
          pointerenter: (event) => event.pointerType === "mouse" && this.#tell(index, button),
          pointerleave: () => this.player.hover(null),
          focus: () => button.matches(":focus-visible") && this.#tell(index, button),
          blur: () => this.player.hover(null),
        },
      },
      swatch, el("span", { class: "sp-legend-name", text: style.name }),
      ...(curve >= 0 ? [el("span", { class: "sp-bar-ground" }, bar), value] : []),
    );
    this.rows.push({ button, swatch, bar, value, style, curve });
    return button;
  }

  /**
   * The whole name, and which items end at it.
   * @param {number} index @param {Element} anchor
   */
  #tell(index, anchor) {
    if (index >= 0) this.player.hover({ kind: "text", index, anchor });
  }

  /** Colours of the theme. */
  restyle() {
    const { theme } = this.player;
    for (const { swatch, bar, style } of this.rows) {
      const color = theme.tune(style.color);
      paintSwatch(swatch, style.symbol, color);
      bar.style.backgroundColor = css(color);
    }
  }

  showHighlight() {
    for (const { button, style } of this.rows) button.setAttribute("aria-pressed", String(this.player.highlight === styleKey(style)));
  }

  /** @param {CurvePainter} curves whose values are shown @param {number} position */
  showValues(curves, position) {
    const { low, high } = curves;
    for (const row of this.rows) {
      if (row.curve < 0) continue;
      const value = curves.value(row.curve, position);
      row.bar.style.transform = `scaleX(${clamp((value - low) / (high - low), 0.01, 1)})`;
      const text = numberText(value);
      if (row.value.textContent !== text) row.value.textContent = text;
    }
  }
}

/** @param {HTMLCanvasElement} canvas @param {string} symbol @param {Color} color */
export function paintSwatch(canvas, symbol, color) {
  const ctx = brush(canvas);
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  ctx.beginPath();
  symbolPath(ctx, symbol, canvas.width / 2, canvas.height / 2, canvas.width * 0.34);
  ctx.fillStyle = css(color);
  ctx.fill();
}
