// The items as they are drawn: round heads, each at its true point up to a stated bound.

import { clamp, mix, TAU } from "./numbers.js";
import { blend, css, symbolPath } from "./drawing.js";
import { answerOf, endOf, itemColor } from "./item_color.js";
import { surenessOf } from "./payload.js";
import { belonging, gatherAt, layHeads } from "./placing.js";
import { depthFade } from "./scene.js";
import { missedBy } from "./truth.js";
import { paintWrong, strokeTether } from "./truth_mark.js";
import { brush } from "./dom.js";

const CROWDED = 24; // items; with more, heads travel smaller and gather in mosaics with a count
const CROSS = 5; // px of the mark of a wrong answer, from its middle, where the head has room for it
const TETHERED = 2; // states before the end from which on a tether shows
const COUNTED = 4; // items at one mark from which on a crowded map says how many they are

/** @typedef {HTMLCanvasElement & {radius: number, reach: number}} HeadSprite  of its disc, and half of its side, px of the page */

/** @type {Gathered} before a view has come */
const NOWHERE = { berths: new Map(), of: [] };

/**
 * The outline of a head: round, or the shape of a kind of item where a journey holds several kinds.
 * @param {CanvasRenderingContext2D} ctx @param {string} shape "round", "square" or "hexagon" @param {number} radius
 */
function headOutline(ctx, shape, radius) {
  ctx.beginPath();
  if (shape === "square") ctx.roundRect(-0.9 * radius, -0.9 * radius, 1.8 * radius, 1.8 * radius, 0.2 * radius);
  else if (shape === "hexagon") {
    for (let corner = 0; corner < 6; corner++) ctx.lineTo(radius * Math.cos((TAU * corner) / 6), radius * Math.sin((TAU * corner) / 6));
    ctx.closePath();
  } else ctx.arc(0, 0, radius, 0, TAU);
}

/**
 * Pictures by their items: a journey that is shown again and again, as at a stand, is decoded once. Browsers keep what each of them
 * was decoded to for long.
 * @type {WeakMap<Item, HTMLImageElement>}
 */
const PICTURED = new WeakMap();

export class Heads {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    /** @type {Map<string, HeadSprite>} */ this.sprites = new Map();
    /** @type {Point[]} where each head was drawn last and how large, for hover and click */ this.places = [];
    /** @type {number[]} */ this.radii = [];
    /** @type {(HTMLImageElement|null)[]} */ this.images = [];
    /** @type {Gathered} */ this.words = NOWHERE;
    /** @type {Gathered} */ this.categories = NOWHERE;
    /** @type {Disc[]} where items rest that gather at no word */ this.alone = [];
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  /** @param {Journey} journey */
  load(journey) {
    this.places = journey.items.map(() => ({ x: -99, y: -99 }));
    this.radii = journey.items.map(() => 0);
    this.images = journey.items.map((item) => this.#loadImage(item));
    this.sprites.clear();
    this.words = this.categories = NOWHERE;
  }

  resize() {
    this.sprites.clear();
  }

  get crowded() {
    return this.journey.items.length > CROWDED;
  }

  /** @param {number} count */
  #radiusAmong(count) {
    const { view, theme } = this.player;
    const room = Math.min(view.width, view.height * 1.3);
    const zoomed = clamp(view.zoom ** 0.4, 1, 1.7) * theme.marks;
    if (view.map.timeline) return clamp(Math.min(room / (24 + count), view.rowHeight * 0.8), view.small ? 5 : 9, 20) * zoomed;
    return clamp(room / (17 + count * 0.55), view.small ? 5 : 11, 25) * zoomed;
  }

  /** Radius of a whole head: what bounds are stated in. */
  get headRadius() {
    return this.#radiusAmong(Math.min(this.journey.items.length, CROWDED));
  }

  /** Radius of a head on its way: the more there are, the smaller. */
  get travelRadius() {
    if (!this.crowded) return this.headRadius;
    return clamp((this.headRadius * 1.9 * CROWDED) / (CROWDED + this.journey.items.length), this.player.view.small ? 3 : 6, this.headRadius);
  }

  /** @param {Item} item */
  #loadImage(item) {
    if (!item.thumbnail) return null;
    const known = PICTURED.get(item), image = known ?? new Image();
    if (image.complete && image.naturalWidth > 0) return image;
    image.addEventListener("load", () => {
      this.sprites.clear();
      this.player.invalidate();
    });
    if (!known) image.src = item.thumbnail;
    PICTURED.set(item, image);
    return image;
  }

  // ---- where they lie

  /**
   * Give each item its place at the word that its path ends at, and at the category that it is handed over at. Called
   * when the view has changed; the places do not depend on the step, so a step looks the same however it was reached.
   */
  assignPlaces() {
    const { textPoints, centerPoints, starRadius } = this.painter.landmarks;
    const { last, handOver } = this.journey;
    // Only a path that ends at a word leads there, however near to it the map draws the end.
    const goals = this.journey.items.map(({ nearest, landed }) => (landed ? nearest : -1));
    this.words = this.#gatherAt(textPoints, last, starRadius, goals);
    const radius = this.crowded ? Math.min(this.headRadius, this.travelRadius * 1.3) : this.headRadius;
    this.alone = this.words.of.flatMap((at, item) => {
      const { x, y } = this.painter.scene.paths.pointAt(item, last);
      return at ? [] : [{ x, y, radius }];
    });
    this.categories = this.#gatherAt(centerPoints, handOver, starRadius * 0.7);
  }

  /**
   * @param {Spot[]} marks @param {number} state that their items are at @param {number} core what a mark itself takes
   * @param {number[]} [goals] by item the one mark that it may gather at, -1 for none
   * @returns {Gathered}
   */
  #gatherAt(marks, state, core, goals) {
    const { items } = this.journey;
    const { view } = this.player;
    const radius = this.headRadius;
    const ends = items.map((_, item) => this.painter.scene.paths.pointAt(item, state));
    return gatherAt(ends, items.map(surenessOf), marks, {
      radius, core, goals, least: view.small ? 2.5 : 4, timeline: view.map.timeline,
      // Among many, a head that has arrived is a little larger than on its way, wherever it is.
      own: this.crowded ? Math.min(radius, this.travelRadius * 1.3) : radius,
      frame: { left: 3, right: view.width - 3, top: view.insets.top - 4, bottom: view.height - view.insets.bottom + 2 },
    });
  }

  /** @returns {Way} */
  get #way() {
    const { handOver, last, centers } = this.journey;
    return {
      words: this.words, categories: this.categories, radius: this.headRadius, travel: this.travelRadius, last,
      handOver: centers.length ? handOver : -Infinity, // without categories an item belongs to its word from the start
    };
  }

  /**
   * Put all heads where they are drawn at a position.
   * @param {Spot[]} points true ones @param {number} position
   */
  lay(points, position) {
    const discs = layHeads(points, position, this.#way);
    this.places = discs.map(({ x, y }) => ({ x, y }));
    this.radii = discs.map(({ radius }) => radius);
  }

  /** What the heads cover now. */
  discs() {
    return this.places.map(({ x, y }, item) => ({ x, y, radius: this.radii[item] }));
  }

  // ---- how they look

  /**
   * From heads to their true points, where the two are apart; one stroke for all of a colour.
   * @param {CanvasRenderingContext2D} ctx @param {Point[]} points
   */
  drawPins(ctx, points) {
    /** @type {Map<string, {lines: Path2D, dots: Path2D}>} */ const pins = new Map();
    points.forEach((point, item) => {
      const place = this.places[item];
      if (Math.hypot(place.x - point.x, place.y - point.y) < 1.5) return;
      const color = css(itemColor(this.player, this.journey, item), (this.player.isVivid(item) ? 0.8 : 0.25) * (this.crowded ? 0.5 : 1));
      const pin = pins.get(color) ?? { lines: new Path2D(), dots: new Path2D() };
      pins.set(color, pin);
      const { lines, dots } = pin;
      lines.moveTo(point.x, point.y);
      lines.lineTo(place.x, place.y);
      const radius = this.crowded ? 1.6 : 2.4;
      dots.moveTo(point.x + radius, point.y);
      dots.arc(point.x, point.y, radius, 0, TAU);
    });
    ctx.lineWidth = this.crowded ? 0.9 : 1.3;
    for (const [color, { lines, dots }] of pins) {
      ctx.strokeStyle = ctx.fillStyle = color;
      ctx.stroke(lines);
      ctx.fill(dots);
    }
  }

  /**
   * From each stray to the star of the word that its path has come to: where it lies says another one.
   * @param {CanvasRenderingContext2D} ctx @param {number} position
   */
  drawTethers(ctx, position) {
    const { player, journey } = this;
    const shown = clamp(1 - (journey.last - position) / TETHERED, 0, 1);
    if (shown <= 0 || player.hidesAnswers) return;
    for (const item of player.view.map.strays) {
      const place = this.places[item], star = this.painter.landmarks.textPoints[journey.items[item].nearest];
      ctx.strokeStyle = css(itemColor(player, journey, item, endOf(journey, item)), (player.isVivid(item) ? 0.95 : 0.25) * shown);
      strokeTether(ctx, place, star);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} item @param {Spot} point */
  drawHead(ctx, item, point) {
    const place = this.places[item];
    const sprite = this.#headSprite(item);
    const grown = item === this.player.hovered ? (this.crowded ? 1.9 : 1.18) : 1;
    const reach = (sprite.reach * grown * this.radii[item]) / sprite.radius;
    ctx.globalAlpha = mix(0.6, 1, depthFade(point.size));
    ctx.drawImage(sprite, place.x - reach, place.y - reach, 2 * reach, 2 * reach);
    ctx.globalAlpha = 1;
  }

  /**
   * A head where the pointer holds it.
   * @param {CanvasRenderingContext2D} ctx @param {number} item @param {Point} at
   */
  drawAt(ctx, item, { x, y }) {
    const sprite = this.#headSprite(item), reach = (sprite.reach * this.headRadius * 1.18) / sprite.radius;
    ctx.drawImage(sprite, x - reach, y - reach, 2 * reach, 2 * reach);
  }

  /**
   * How many items have arrived at each mark, where they are too many to be counted at a glance.
   * @param {CanvasRenderingContext2D} ctx @param {Point[]} points @param {number} position
   */
  drawCounts(ctx, points, position) {
    if (!this.crowded) return;
    const { theme } = this.player;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.font = theme.text(650, 13);
    for (const [{ mark, extent }, count] of this.#arrived(points, position)) {
      if (count < COUNTED) continue;
      const text = String(count), tall = 18 * theme.type, width = Math.max(tall + 2, ctx.measureText(text).width + 10);
      const x = mark.x + extent * 0.74, y = mark.y + extent * 0.74;
      ctx.beginPath();
      ctx.roundRect(x - width / 2, y - tall / 2, width, tall, tall / 2);
      ctx.fillStyle = css(theme.ink);
      ctx.fill();
      ctx.lineWidth = 1.5;
      ctx.strokeStyle = css(theme.paper);
      ctx.stroke();
      ctx.fillStyle = css(theme.paper);
      ctx.fillText(text, x, y + 0.5);
    }
    ctx.textAlign = "left";
  }

  /**
   * How many items are at each mark's places.
   * @param {Point[]} points @param {number} position @returns {Map<Berth, number>}
   */
  #arrived(points, position) {
    /** @type {Map<Berth, number>} */ const counts = new Map();
    const way = this.#way;
    points.forEach((point, item) => {
      const { category, word } = belonging(item, point, position, way);
      const { berths, of } = word > category ? this.words : this.categories;
      if (Math.max(category, word) < 0.6) return;
      const at = of[item], found = at && berths.get(at.mark);
      if (found) counts.set(found, (counts.get(found) ?? 0) + 1);
    });
    return counts;
  }

  /**
   * Items whose path ends at a class text, the surest first.
   * @param {number} word @returns {number[]}
   */
  itemsAt(word) {
    const { of } = this.words;
    const here = of.flatMap((at, item) => (at?.mark === word ? [{ item, place: at.place }] : []));
    return here.sort((a, b) => a.place - b.place).map(({ item }) => item);
  }

  /**
   * A head drawn once, at its whole size: round, with a ring and the class shape.
   * @param {number} item
   */
  #headSprite(item) {
    const vivid = this.player.isVivid(item);
    const chosen = this.player.selection.has(item);
    const wrong = !this.player.hidesAnswers && missedBy(this.journey, item) !== null;
    const key = `${item} ${vivid} ${chosen} ${wrong} ${this.player.hidesAnswers} ${this.player.theme.key}`;
    let sprite = this.sprites.get(key);
    if (!sprite) {
      const full = this.crowded ? Math.max(this.travelRadius, this.#largestPlace) : this.headRadius;
      sprite = Object.assign(document.createElement("canvas"), { radius: full, reach: full * 1.32 });
      sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.painter.density);
      const ctx = brush(sprite);
      const scale = sprite.width / (2 * sprite.reach);
      ctx.scale(scale, scale);
      ctx.translate(sprite.reach, sprite.reach);
      ctx.globalAlpha = vivid ? 1 : 0.4;
      this.#paintHead(ctx, item, sprite.radius, vivid, chosen);
      if (wrong) this.#paintCross(ctx, item, sprite.radius);
      this.sprites.set(key, sprite);
    }
    return sprite;
  }

  /**
   * The mark of a wrong answer at the upper right. It belongs to its head and goes below others with it; where a head becomes small
   * it takes more of it, and lies further in.
   * @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} radius
   */
  #paintCross(ctx, item, radius) {
    const place = this.words.of[item], fan = place && this.words.berths.get(place.mark);
    const least = Math.min(this.travelRadius, fan ? fan.radius : Infinity);
    const share = clamp((CROSS * this.player.theme.marks) / least, 0.34, 0.6), at = Math.min(0.74, 1.28 - 1.25 * share);
    paintWrong(ctx, this.player.theme, at * radius, -at * radius, share * radius);
  }

  get #largestPlace() {
    return Math.max(1, ...[...this.words.berths.values(), ...this.categories.berths.values()].map(({ radius }) => radius));
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} item @param {number} radius @param {boolean} vivid @param {boolean} chosen */
  #paintHead(ctx, item, radius, vivid, chosen) {
    const { theme } = this.player;
    const one = answerOf(this.journey, item), end = endOf(this.journey, item);
    const color = itemColor(this.player, this.journey, item);
    const image = this.images[item];
    const glow = ctx.createRadialGradient(0, 0, radius * 0.8, 0, 0, radius * 1.3);
    glow.addColorStop(0, theme.dark ? css(color, vivid ? 0.6 : 0.1) : css(theme.ink, 0.28));
    glow.addColorStop(1, theme.dark ? css(color, 0) : css(theme.ink, 0));
    ctx.fillStyle = glow;
    ctx.fillRect(-radius * 1.32, -radius * 1.32, radius * 2.64, radius * 2.64);
    const { shape = "round" } = this.journey.items[item];
    ctx.save();
    headOutline(ctx, shape, radius);
    ctx.fillStyle = css(blend(theme.paper, color, 0.35));
    ctx.fill();
    ctx.clip();
    const pictured = image !== null && image.complete && image.naturalWidth > 0;
    if (pictured) {
      const side = Math.min(image.naturalWidth, image.naturalHeight);
      ctx.imageSmoothingQuality = "high";
      if (!vivid) ctx.filter = "grayscale(1)";
      ctx.drawImage(
        image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, -radius, -radius, 2 * radius, 2 * radius,
      );
    }
    ctx.restore();
    const fine = clamp(radius / 18, 0.55, 1); // a small head has a thin ring
    // A path that ends at another word than the answer says so: half of the ring is that word's, or of no word's colour.
    const halves = end === one || !vivid || this.player.hidesAnswers ? [color] : [color, itemColor(this.player, this.journey, item, end)];
    ctx.lineWidth = (chosen ? 4 : 2.6) * fine;
    if (shape !== "round") halves.length = 1; // its corners leave no room for two colours
    halves.forEach((half, i) => {
      ctx.beginPath();
      // From 0 on where it is whole: browsers take a circle that begins elsewhere for an arc of no length.
      const from = halves.length > 1 ? TAU * (i / halves.length - 0.125) : 0;
      if (shape === "round") ctx.arc(0, 0, radius - 0.5 * fine, from, from + TAU / halves.length);
      else headOutline(ctx, shape, radius - 0.5 * fine);
      ctx.strokeStyle = css(half);
      ctx.stroke();
    });
    headOutline(ctx, shape, radius + (chosen ? 2.4 : 1.4) * fine);
    ctx.lineWidth = (chosen ? 2 : 1) * fine;
    ctx.strokeStyle = chosen ? css(theme.ink) : css(theme.paper, 0.9);
    ctx.stroke();
    if (this.player.hidesAnswers || (radius < 10 && pictured)) return; // the ring's colour tells the class; a shape would hide the picture
    const badge = pictured ? clamp(radius * 0.27, 3.6, 6) : radius * 0.5;
    const at = pictured ? radius * 0.72 : 0;
    ctx.beginPath();
    symbolPath(ctx, one?.symbol ?? "circle", at, at, badge);
    ctx.lineWidth = 3;
    ctx.strokeStyle = css(theme.paper);
    ctx.lineJoin = "round";
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
  }
}
