// What lies under the paths: clouds, reference points, and what shows that a map moves.

import { clamp } from "./numbers.js";
import { css, symbolPath } from "./drawing.js";
import { drawnColor } from "./item_color.js";
import { brush, fitCanvas } from "./dom.js";
import { Clouds, depthFade } from "./scene.js";

const MOVING_REFERENCE = 3000; // reference points drawn while the view turns; all of them once it rests

/** @typedef {HTMLCanvasElement & {reach: number}} PointSprite  reach: half of its side, px of the page */

/** What lies still below the paths of a map, kept as a picture that moves along while the view does. */
export class Background {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    this.canvas = document.createElement("canvas");
    /** @type {{turn: string, zoom: number, x: number, y: number}|null} the view that the picture was painted for */
    this.drawnFor = null;
    /** @type {{key: string, sprites: PointSprite[][]}} */ this.pointSprites = { key: "", sprites: [] };
    /** @type {Map<MapData, Clouds>} clouds of the flat maps, made when first shown */
    this.clouds = new Map();
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  load() {
    this.clouds = new Map();
    this.drawnFor = null;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    fitCanvas(this.canvas, width, height);
    this.pointSprites.key = "";
    this.drawnFor = null;
  }

  /**
   * What shows that the map moves without pretending to be an axis; a timeline does have one.
   * @param {CanvasRenderingContext2D} ctx @param {View} view @param {number} alpha
   */
  drawFrame(ctx, view, alpha) {
    ctx.globalAlpha = alpha;
    if (view.map.timeline) this.#drawTimeline(ctx, view);
    else if (view.map.solid) this.#drawFloor(ctx, view);
    else this.#drawDots(ctx, view);
    ctx.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} ctx @param {View} view */
  #drawDots(ctx, view) {
    const { theme } = this.player;
    let spacing = view.fit.scale[0] * view.zoom;
    while (spacing > 84) spacing /= 2;
    while (spacing < 42) spacing *= 2;
    ctx.fillStyle = css(theme.ink, theme.dark ? 0.085 : 0.075);
    const startX = view.toX(0) % spacing, startY = view.toY(0) % spacing;
    for (let x = startX - spacing; x < view.width + spacing; x += spacing) {
      for (let y = startY - spacing; y < view.height + spacing; y += spacing) ctx.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
    }
  }

  /**
   * A net below a solid map, so that its turning can be seen.
   * @param {CanvasRenderingContext2D} ctx @param {View} view
   */
  #drawFloor(ctx, view) {
    const { theme } = this.player;
    const { at, half } = view.fit;
    /** @type {number[]} */ const ends = [];
    for (let line = -4; line <= 4; line++) {
      const x = (half[0] * line) / 4, z = (half[2] * line) / 4;
      for (const [a, b] of [[x, -half[2]], [x, half[2]], [-half[0], z], [half[0], z]]) ends.push(at[0] + a, at[1] - half[1] * 1.02, at[2] + b);
    }
    const points = new Float32Array((ends.length / 3) * 2);
    view.project(ends, points, new Float32Array(ends.length / 3));
    ctx.strokeStyle = css(theme.ink, theme.dark ? 0.1 : 0.085);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let i = 0; i < points.length; i += 4) {
      ctx.moveTo(points[i], points[i + 1]);
      ctx.lineTo(points[i + 2], points[i + 3]);
    }
    ctx.stroke();
  }

  /**
   * The stages as bands, the hand-overs between them, and the steps along the foot.
   * @param {CanvasRenderingContext2D} ctx @param {View} view
   */
  #drawTimeline(ctx, view) {
    const { theme } = this.player;
    const { handOvers, last } = this.journey;
    /** @param {number} step */
    const x = (step) => view.toX(step / last);
    const top = view.insets.top + 6, foot = view.height - view.insets.bottom - 20 * (view.insets.type ?? 1);
    const edges = [0, ...handOvers, last].map(x);
    edges.slice(1).forEach((edge, i) => {
      ctx.fillStyle = i % 2 ? css(theme.accent, theme.dark ? 0.085 : 0.05) : css(theme.ink, theme.dark ? 0.045 : 0.03);
      ctx.fillRect(edges[i], top, edge - edges[i], foot - top);
    });
    ctx.setLineDash([3, 4]);
    ctx.strokeStyle = css(theme.ink, 0.5);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const edge of edges.slice(1, -1)) {
      ctx.moveTo(edge, top + 22); // below its name
      ctx.lineTo(edge, foot);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    this.#drawTimelineTexts(ctx, { x, edges, top, foot });
  }

  /**
   * @param {CanvasRenderingContext2D} ctx
   * @param {{x: (step: number) => number, edges: number[], top: number, foot: number}} at
   */
  #drawTimelineTexts(ctx, { x, edges, top, foot }) {
    const { theme } = this.player;
    const { handOvers, last, wording } = this.journey;
    ctx.fillStyle = css(theme.muted);
    ctx.textBaseline = "middle";
    ctx.font = theme.text(550, 13);
    const hint = handOvers.length === 1 ? "hand-over" : "", line = 12 * theme.type; // between many there is no room for it
    const room = hint ? ctx.measureText(hint).width / 2 + 14 : 10;
    ctx.textAlign = "left";
    /** @param {string[]} texts @param {number} width */
    const first = (texts, width) => texts.find((text) => ctx.measureText(text).width <= width) ?? "";
    wording.stages.forEach(({ name, short }, i) => {
      const left = edges[i] + (i ? room : 10), right = edges[i + 1] - (i < handOvers.length ? room : 0), number = handOvers.length ? `${i + 1} · ` : "";
      ctx.fillText(first([`${number}${name}`, `${number}${short}`, String(i + 1)], right - left), left, top + line);
    });
    ctx.textAlign = "center";
    ctx.fillStyle = css(theme.ink);
    if (hint) ctx.fillText(hint, edges[1], top + line);
    ctx.font = theme.text(500, 13);
    ctx.fillStyle = css(theme.muted);
    const every = [1, 2, 5, 10, 20, 25, 50, 100, 200].find((size) => x(size) - x(0) >= 44 * theme.type) ?? 500;
    for (let step = 0; step <= last; step += every) {
      // The last step is always named, and the hand-over's number is kept free of its neighbours'.
      if (x(last) - x(step) < 58 * theme.type && step !== last) continue;
      this.#drawTick(ctx, x(step), foot, String(step));
    }
    this.#drawTick(ctx, x(last), foot, `step ${last}`);
    for (const step of handOvers.length < 4 ? handOvers : []) {
      if (Math.min(step % every, every - (step % every)) * (x(1) - x(0)) > 22 * theme.type) this.#drawTick(ctx, x(step), foot, String(step));
    }
    ctx.textAlign = "left";
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} foot @param {string} text */
  #drawTick(ctx, x, foot, text) {
    ctx.fillRect(Math.round(x), foot, 1, 4);
    ctx.fillText(text, x, foot + 12 * this.player.theme.type);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {boolean} moving */
  draw(ctx, moving) {
    const { view } = this.player;
    // Thousands of points take longer than a frame. While a map is zoomed or shifted their last picture moves along;
    // while it turns, fewer are drawn.
    if (moving && this.drawnFor?.turn !== view.turn) {
      this.#drawReference(ctx, MOVING_REFERENCE);
      return;
    }
    const then = moving && this.drawnFor ? this.drawnFor : this.#paint();
    const ratio = view.zoom / then.zoom;
    ctx.drawImage(this.canvas, view.middle.x - then.x * ratio, view.middle.y - then.y * ratio, view.width * ratio, view.height * ratio);
  }

  #paint() {
    const { view } = this.player;
    const ctx = brush(this.canvas);
    ctx.setTransform(this.painter.density, 0, 0, this.painter.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    this.#drawClouds(ctx, view, 1);
    this.#drawReference(ctx, Infinity);
    this.drawnFor = { turn: view.turn, zoom: view.zoom, ...view.middle };
    return this.drawnFor;
  }

  /**
   * The points fly; the clouds of one map fade before those of the other appear.
   * @param {CanvasRenderingContext2D} ctx @param {Morph} morph
   */
  drawMorphing(ctx, { view, ease }) {
    this.drawnFor = null;
    this.#drawClouds(ctx, view, clamp(1 - 2.5 * ease, 0, 1));
    this.#drawClouds(ctx, this.player.view, clamp(2.5 * ease - 1.5, 0, 1));
    this.#drawReference(ctx, MOVING_REFERENCE);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {View} view @param {number} alpha */
  #drawClouds(ctx, view, alpha) {
    const { map } = view;
    if (map.solid || map.timeline || alpha === 0) return;
    const clouds = this.clouds.get(map) ?? new Clouds(map, this.journey);
    this.clouds.set(map, clouds);
    clouds.paint(this.player.theme, this.player.highlight, (center) => (this.player.isDimmed(center) ? 0.08 : 1));
    ctx.globalAlpha = alpha;
    clouds.draw(ctx, view);
    ctx.globalAlpha = 1;
  }

  /**
   * The reference points, at most `limit` of them; on a solid map the far ones first, smaller and fainter.
   * @param {CanvasRenderingContext2D} ctx @param {number} limit
   */
  #drawReference(ctx, limit) {
    const { view } = this.player;
    const { referenceLabels } = this.journey;
    const { points, sizes } = this.painter.scene.parts.reference;
    const stride = Math.ceil(referenceLabels.length / limit) || 1;
    const bands = view.map.solid ? [0.72, 0.86, 1, 1.16] : [1];
    const sprites = this.#referenceSprites(bands);
    /** @param {number} size */
    const bandOf = (size) => (bands.length === 1 ? 0 : clamp(Math.round((size - 0.72) / 0.147), 0, 3));
    for (let band = 0; band < bands.length; band++) {
      for (let i = 0; i < referenceLabels.length; i += stride) {
        const x = points[2 * i], y = points[2 * i + 1];
        if (bandOf(sizes[i]) !== band || x < -8 || y < -8 || x > view.width + 8 || y > view.height + 8) continue;
        const sprite = sprites[band][referenceLabels[i]];
        if (sprite) ctx.drawImage(sprite, x - sprite.reach, y - sprite.reach, 2 * sprite.reach, 2 * sprite.reach);
      }
    }
  }

  /**
   * Small pictures of a reference point for each depth and category; kept, since a turning map needs them each frame.
   * @param {number[]} bands
   */
  #referenceSprites(bands) {
    const { view, theme, highlight } = this.player;
    const { referenceLabels, groups } = this.journey;
    const many = referenceLabels.length > 6000;
    const radius = (view.map.timeline ? 1.4 : many ? 1.5 : 2.1) * Math.min(2.2, Math.round(20 * view.zoom ** 0.3) / 20);
    const key = [theme.key, highlight, radius, bands.length].join(" ");
    if (this.pointSprites.key !== key) {
      const sprites = bands.map((size) => groups.map((group) => this.#pointSprite(group, radius * size ** 1.5, many, depthFade(size))));
      this.pointSprites = { key, sprites };
    }
    return this.pointSprites.sprites;
  }

  /** @param {Styled} center @param {number} radius @param {boolean} many @param {number} strength */
  #pointSprite(center, radius, many, strength) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const sprite = Object.assign(document.createElement("canvas"), { reach: radius + 1.5 });
    sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.painter.density);
    const ctx = brush(sprite);
    const scale = sprite.width / (2 * sprite.reach);
    ctx.scale(scale, scale);
    ctx.fillStyle = css(drawnColor(theme, center, !dimmed), (dimmed ? 0.12 : many ? 0.3 : 0.42) * strength);
    ctx.beginPath();
    symbolPath(ctx, center.symbol, sprite.reach, sprite.reach, radius);
    ctx.fill();
    return sprite;
  }
}
