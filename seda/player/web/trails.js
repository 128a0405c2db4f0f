// Paths of the items: faint where they will go, solid where they have been.

import { clamp, mix } from "./numbers.js";
import { css } from "./drawing.js";
import { itemColor } from "./item_color.js";
import { brush, fitCanvas } from "./dom.js";
import { addFlag, paintFlags } from "./flags.js";
import { depthFade } from "./scene.js";

const BLOCK = 4; // states that are added to the settled picture at once: whole blocks only, so that it is the same however it grew
const SHADES = 6; // strengths that line segments are sorted into, so that each is one stroke
const THRONG = 300; // items above which tails of a colour are one stroke; chosen here: 1,000 paths are drawn 30 times a second by two cores
const OLD_WIDTH = 1.8, NEW_WIDTH = 3.2, JUMP_WIDTH = 1.4; // px

export class Trails {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    /** What has long been passed: drawn once, for as long as nothing but time changes. */
    this.settled = document.createElement("canvas");
    this.settledTo = -1;
    /** Strength of each path segment, 1 (faintest) to SHADES; and which ones an item has, as bits. */
    this.shades = new Uint8Array(0);
    this.usedShades = new Uint8Array(0);
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  get scene() {
    return this.painter.scene;
  }

  /** @param {Journey} journey */
  load(journey) {
    this.shades = new Uint8Array(journey.items.length * journey.last);
    this.usedShades = new Uint8Array(journey.items.length);
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    fitCanvas(this.settled, width, height);
    this.settledTo = -1;
  }

  /** Line strength by trust (how many true neighbours the map keeps at both ends) and, on a solid map, by depth. */
  shade() {
    const { items, last, stateCount } = this.journey;
    const { map } = this.player.view;
    const { sizes } = this.scene.paths;
    for (let item = 0; item < items.length; item++) {
      this.usedShades[item] = 0;
      for (let segment = 0; segment < last; segment++) {
        const at = item * stateCount + segment;
        const kept = (map.kept[at] + map.kept[at + 1]) / 510;
        const strength = (this.player.trust ? mix(0.2, 1, kept) : 1) * depthFade((sizes[at] + sizes[at + 1]) / 2);
        const shade = clamp(Math.round(strength * SHADES), 1, SHADES);
        this.shades[item * last + segment] = shade;
        this.usedShades[item] |= 1 << (shade - 1);
      }
    }
  }

  /**
   * Strength of the segment under a fractional state, 0 to 1.
   * @param {number} item @param {number} position
   */
  #strengthAt(item, position) {
    const { last } = this.journey;
    return this.shades[item * last + clamp(Math.floor(position), 0, last - 1)] / SHADES;
  }

  /**
   * One stroke for each strength that an item's path has between two states; noising jumps are left out.
   * @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} from @param {number} to @param {Color} color
   * @param {number} alpha
   */
  #strokeShaded(ctx, item, from, to, color, alpha) {
    const { paths } = this.scene;
    const first = item * this.journey.last;
    for (let shade = 1; shade <= SHADES; shade++) {
      if (!(this.usedShades[item] & (1 << (shade - 1)))) continue;
      ctx.strokeStyle = css(color, (alpha * shade) / SHADES);
      ctx.beginPath();
      paths.trace(ctx, item, from, to, (segment) => this.shades[first + segment] === shade && !paths.jumps.has(segment));
      ctx.stroke();
    }
  }

  /**
   * The noising jumps that begin between two states, dotted.
   * @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} from @param {number} to @param {Color} color
   * @param {number} alpha
   */
  #strokeJumps(ctx, item, from, to, color, alpha) {
    const { paths } = this.scene;
    ctx.lineCap = "round";
    ctx.setLineDash([1.5, 5]);
    for (const jump of paths.jumps) {
      if (jump < from || jump >= to) continue;
      ctx.strokeStyle = css(color, alpha * mix(0.4, 1, this.#strengthAt(item, jump)));
      ctx.beginPath();
      paths.trace(ctx, item, jump, Math.min(to, jump + 1), () => true);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  /**
   * Where each item will go: the whole path, faint; the past is drawn over it.
   * @param {CanvasRenderingContext2D} ctx
   */
  drawFuture(ctx) {
    if (this.player.hidesAnswers) return; // it leads to them
    const { theme } = this.player;
    const { last } = this.journey;
    const many = this.painter.heads.crowded;
    this.journey.items.forEach((_, index) => {
      const vivid = this.player.isVivid(index);
      const color = itemColor(this.player, this.journey, index);
      const alpha = (vivid ? (theme.dark ? 0.3 : 0.28) : 0.09) * (many ? 0.7 : 1);
      ctx.lineJoin = "round";
      ctx.lineCap = "butt";
      ctx.lineWidth = 1.1;
      this.#strokeShaded(ctx, index, 0, last, color, alpha);
      this.#strokeJumps(ctx, index, 0, last, color, alpha);
    });
  }

  /**
   * How an item's past is drawn.
   * @param {number} item
   */
  #pen(item) {
    const { theme } = this.player;
    const vivid = this.player.isVivid(item);
    return {
      vivid,
      color: itemColor(this.player, this.journey, item),
      strength: vivid ? 1 : 0.3,
      old: theme.dark ? 0.85 : 0.7,
      thin: this.painter.heads.crowded ? 0.72 : 1,
    };
  }

  /** States behind the head that are drawn anew in each frame, brighter toward it. */
  get #tail() {
    return Math.max(3, this.journey.last * 0.16);
  }

  /**
   * The past of all items, wider than the future.
   * @param {number[]} order of items, the last on top
   * @param {CanvasRenderingContext2D} ctx @param {number[]} order @param {number} position
   */
  drawPast(ctx, order, position) {
    this.#settle(BLOCK * Math.max(0, Math.floor((position - this.#tail) / BLOCK)));
    if (this.settledTo > 0) {
      const { view } = this.player;
      ctx.drawImage(this.settled, 0, 0, view.width, view.height);
    }
    if (order.length > THRONG) this.#drawTails(ctx, order, position);
    else for (const item of order) this.#drawTail(ctx, item, position);
  }

  /**
   * The tails of very many items: one stroke for all of a colour and a strength.
   * @param {CanvasRenderingContext2D} ctx @param {number[]} order @param {number} position
   */
  #drawTails(ctx, order, position) {
    const { paths } = this.scene;
    /** @type {Map<string, Path2D>} */ const tails = new Map();
    for (const item of order) {
      const { color, strength, old } = this.#pen(item);
      const style = css(color, mix(old, 0.98, 0.5) * strength * mix(0.25, 1, this.#strengthAt(item, (this.settledTo + position) / 2)));
      const tail = tails.get(style) ?? new Path2D();
      tails.set(style, tail);
      paths.trace(tail, item, this.settledTo, position, (segment) => !paths.jumps.has(segment));
    }
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    ctx.lineWidth = 0.72 * mix(OLD_WIDTH, NEW_WIDTH, 0.5);
    for (const [style, tail] of tails) {
      ctx.strokeStyle = style;
      ctx.stroke(tail);
    }
  }

  /**
   * Add what was passed since the last frame to the settled picture; begin it anew after a jump back.
   * @param {number} to
   */
  #settle(to) {
    if (to === this.settledTo) return;
    const ctx = brush(this.settled);
    const { density } = this.painter;
    ctx.setTransform(density, 0, 0, density, 0, 0);
    if (to < this.settledTo || this.settledTo < 0) {
      ctx.clearRect(0, 0, this.settled.width, this.settled.height);
      this.settledTo = 0;
    }
    // Grey items below the others; each block by itself: where strokes meet, they are as strong as in a picture that grew.
    const order = [...this.journey.items.keys()].sort((a, b) => Number(this.player.isVivid(a)) - Number(this.player.isVivid(b)) || a - b);
    for (; this.settledTo < to; this.settledTo += BLOCK) for (const item of order) this.#drawOld(ctx, item, this.settledTo, this.settledTo + BLOCK);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} from @param {number} to */
  #drawOld(ctx, item, from, to) {
    const { color, strength, old, thin } = this.#pen(item);
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    ctx.lineWidth = OLD_WIDTH * thin;
    this.#strokeShaded(ctx, item, from, to, color, old * strength);
    ctx.lineWidth = JUMP_WIDTH * thin;
    this.#strokeJumps(ctx, item, from, to, color, 0.6 * strength);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} position */
  #drawTail(ctx, item, position) {
    const { theme } = this.player;
    const { paths } = this.scene;
    const { vivid, color, strength, old, thin } = this.#pen(item);
    /** @param {number} from @param {number} to @param {number} alpha @param {number} width */
    const stroke = (from, to, alpha, width) => {
      ctx.strokeStyle = css(color, alpha * strength);
      ctx.lineWidth = width * thin;
      ctx.beginPath();
      paths.trace(ctx, item, from, to, (segment) => !paths.jumps.has(segment));
      ctx.stroke();
    };
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    const tail = this.#tail;
    const parts = !vivid ? 1 : this.painter.heads.crowded ? 3 : 5;
    for (let part = 0; part < parts; part++) {
      const from = part ? position - tail + (tail * part) / parts : this.settledTo;
      const to = position - tail + (tail * (part + 1)) / parts;
      if (to <= Math.max(0, from)) continue;
      const share = (part + 1) / parts;
      const trust = mix(0.25, 1, this.#strengthAt(item, (from + to) / 2)); // the head's own tail is never lost
      if (theme.dark && share > 0.5) stroke(Math.max(0, from), to, 0.16 * share * trust, 9);
      stroke(Math.max(0, from), to, mix(old, 0.98, share) * trust, mix(OLD_WIDTH, NEW_WIDTH, share));
    }
    ctx.lineWidth = JUMP_WIDTH * thin;
    this.#strokeJumps(ctx, item, this.settledTo, position, color, 0.6 * strength);
  }

  /**
   * Marks on passed steps where map and features disagree: an axis break where the map jumps, a ring where it stands still.
   * @param {CanvasRenderingContext2D} ctx @param {number} position
   */
  drawFlags(ctx, position) {
    const { items } = this.journey;
    const { map } = this.player.view;
    const breaks = new Path2D(), rings = new Path2D();
    for (let item = 0; item < items.length; item++) {
      // Among many items only the chosen ones carry marks.
      if (!this.player.isVivid(item) || (this.painter.heads.crowded && !this.player.selection.has(item))) continue;
      let previous = { x: -99, y: -99 };
      for (let segment = 0; segment + 0.5 <= position; segment++) {
        const flag = map.flag(item, segment);
        if (flag === 0) continue;
        const before = this.scene.paths.pointAt(item, segment + 0.45), after = this.scene.paths.pointAt(item, segment + 0.55);
        // Where many short steps are flagged in a row, a few marks stand for them.
        if (Math.hypot(before.x - previous.x, before.y - previous.y) < 15) continue;
        previous = before;
        addFlag(flag > 0 ? breaks : rings, flag, (before.x + after.x) / 2, (before.y + after.y) / 2, Math.atan2(after.y - before.y, after.x - before.x));
      }
    }
    paintFlags(ctx, this.player.theme, breaks, rings);
  }
}
