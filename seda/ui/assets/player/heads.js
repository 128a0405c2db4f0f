// The items themselves: round pictures, or shapes where there are many.

import { clamp, mix, TAU } from "./numbers.js";
import { blend, css, symbolPath } from "./look.js";
import { depthFade } from "./scene.js";

const MAX_PICTURE_HEADS = 24; // more items are drawn as shapes

/** How much larger a head is drawn by its depth on a solid map. */
const headScale = (point) => clamp(point.size, 0.7, 1.3);

export class Heads {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    this.sprites = new Map();
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  load(journey) {
    this.offsets = journey.items.map(() => ({ x: 0, y: 0 }));
    /** Where each head was drawn last, for hover and click. @type {Point[]} */
    this.places = journey.items.map(() => ({ x: -99, y: -99 }));
    this.images = journey.items.map((item) => this.#loadImage(item));
    this.sprites.clear();
  }

  resize() {
    this.sprites.clear();
  }

  get picturesFit() {
    return this.journey.items.length <= MAX_PICTURE_HEADS;
  }

  get headRadius() {
    const { width, height } = this.player.view;
    const room = Math.min(width, height * 1.3);
    const count = this.journey.items.length;
    // On a timeline all stand above one another.
    if (this.player.view.map.timeline && this.picturesFit) return clamp(room / (24 + count), 9, 20);
    return this.picturesFit ? clamp(room / (17 + count * 0.7), this.player.view.small ? 5 : 11, 25) : clamp(room / 105, this.player.view.small ? 3 : 4.5, 7);
  }

  #loadImage(item) {
    if (!item.thumbnail) return null;
    const image = new Image();
    image.onload = () => {
      this.sprites.clear();
      this.player.invalidate();
    };
    image.src = item.thumbnail;
    return image;
  }

  /**
   * Pictures that would cover one another or a star are moved apart; a pin (`drawPin`) marks the true place.
   * One step of a damped relaxation a frame; `hurried` runs it to rest at once.
   */
  spread(points, hurried) {
    const radii = points.map((point) => this.headRadius * headScale(point) + 1.5);
    let moved = 0;
    for (let round = hurried ? 40 : 1; round > 0; round--) {
      const places = points.map((point, i) => ({ x: point.x + this.offsets[i].x * 0.9, y: point.y + this.offsets[i].y * 0.9 }));
      for (let pass = 0; pass < 5; pass++) {
        this.#push(places, radii);
        places.forEach((place, i) => this.#keepInside(place, points[i], radii[i] + 3));
      }
      moved = 0;
      places.forEach((place, i) => {
        const x = place.x - points[i].x, y = place.y - points[i].y;
        moved = Math.max(moved, Math.abs(x - this.offsets[i].x), Math.abs(y - this.offsets[i].y));
        this.offsets[i] = { x, y };
      });
    }
    return moved > 0.15;
  }

  #push(places, radii) {
    const { textPoints, starRadius, labelBoxes } = this.painter.landmarks;
    const apart = (a, b, distance, shareA, tie) => {
      let dx = a.x - b.x, dy = a.y - b.y;
      let gap = Math.hypot(dx, dy);
      if (gap >= distance) return;
      if (gap < 0.01) {
        dx = Math.cos(tie * 2.4);
        dy = Math.sin(tie * 2.4);
        gap = 1;
      }
      const push = (distance - gap) / gap;
      a.x += dx * push * shareA;
      a.y += dy * push * shareA;
      b.x -= dx * push * (1 - shareA);
      b.y -= dy * push * (1 - shareA);
    };
    for (let i = 0; i < places.length; i++) {
      const radius = radii[i];
      for (let j = 0; j < i; j++) apart(places[i], places[j], radius + radii[j], 0.5, i);
      for (const star of textPoints) apart(places[i], { ...star }, radius + starRadius + 2, 1, i);
      for (const [left, top, right, bottom] of labelBoxes) {
        // The point of the box that is nearest to the picture, a little inside, so that there is a direction to go.
        const edge = { x: clamp(places[i].x, left, right), y: clamp(places[i].y, top + 5, bottom - 5) };
        apart(places[i], edge, radius + 4, 1, i);
      }
    }
  }

  /** A picture whose point is in sight stays in sight, and clear of the buttons above and the legend below. */
  #keepInside(place, point, margin) {
    const { width, height, insets } = this.player.view;
    if (point.x < 0 || point.y < insets.top || point.x > width || point.y > height - insets.bottom) return;
    place.x = clamp(place.x, margin, width - margin);
    place.y = clamp(place.y, insets.top + margin - 6, height - insets.bottom - margin + 6);
  }

  drawPin(ctx, item, point) {
    if (!this.picturesFit) return;
    const { theme } = this.player;
    const vivid = this.player.isVivid(item);
    const color = vivid ? theme.tune(this.journey.classes[this.journey.items[item].answer].color) : theme.grey;
    const offset = this.offsets[item];
    if (Math.hypot(offset.x, offset.y) < 1.5) return;
    ctx.strokeStyle = css(color, vivid ? 0.8 : 0.25);
    ctx.lineWidth = 1.3;
    ctx.beginPath();
    ctx.moveTo(point.x, point.y);
    ctx.lineTo(point.x + offset.x, point.y + offset.y);
    ctx.stroke();
    ctx.fillStyle = css(color, vivid ? 1 : 0.3);
    ctx.beginPath();
    ctx.arc(point.x, point.y, 2.4, 0, TAU);
    ctx.fill();
  }

  drawHead(ctx, item, point) {
    const offset = this.picturesFit ? this.offsets[item] : { x: 0, y: 0 };
    const place = { x: point.x + offset.x, y: point.y + offset.y };
    this.places[item] = place;
    const sprite = this.#headSprite(item);
    const grown = item === this.player.hovered ? 1.18 : 1;
    const reach = sprite.reach * grown * headScale(point);
    ctx.globalAlpha = mix(0.6, 1, depthFade(point.size));
    ctx.drawImage(sprite, place.x - reach, place.y - reach, 2 * reach, 2 * reach);
    ctx.globalAlpha = 1;
  }

  /** A head drawn once: the round picture with a ring and the class shape, or the shape alone when there are many. */
  #headSprite(item) {
    const vivid = this.player.isVivid(item);
    const chosen = this.player.selection.has(item);
    // Among many shapes the few selected ones, and the one under the pointer, show their picture.
    const few = (chosen && this.player.selection.size <= MAX_PICTURE_HEADS) || item === this.player.hovered;
    const pictured = this.picturesFit || few;
    const key = `${item} ${vivid} ${chosen} ${pictured} ${this.player.theme.key}`;
    let sprite = this.sprites.get(key);
    if (!sprite) {
      sprite = document.createElement("canvas");
      const radius = pictured && !this.picturesFit ? Math.max(this.headRadius, 15) : this.headRadius;
      sprite.reach = radius + 9;
      sprite.width = sprite.height = Math.ceil(2 * sprite.reach * this.painter.density);
      const ctx = sprite.getContext("2d");
      const scale = sprite.width / (2 * sprite.reach);
      ctx.scale(scale, scale);
      ctx.translate(sprite.reach, sprite.reach);
      ctx.globalAlpha = vivid ? 1 : 0.4;
      if (pictured) this.#paintPicture(ctx, item, radius, vivid, chosen);
      else this.#paintShape(ctx, item, chosen ? radius * 1.35 : radius, vivid);
      this.sprites.set(key, sprite);
    }
    return sprite;
  }

  #paintPicture(ctx, item, radius, vivid, chosen) {
    const { theme } = this.player;
    const one = this.journey.classes[this.journey.items[item].answer];
    const color = vivid ? theme.tune(one.color) : theme.grey;
    const image = this.images[item];
    const glow = ctx.createRadialGradient(0, 0, radius * 0.8, 0, 0, radius + 8);
    glow.addColorStop(0, theme.dark ? css(color, vivid ? 0.6 : 0.1) : css(theme.ink, 0.28));
    glow.addColorStop(1, theme.dark ? css(color, 0) : css(theme.ink, 0));
    ctx.fillStyle = glow;
    ctx.fillRect(-radius - 9, -radius - 9, 2 * radius + 18, 2 * radius + 18);
    ctx.save();
    ctx.beginPath();
    ctx.arc(0, 0, radius, 0, TAU);
    ctx.fillStyle = css(blend(theme.paper, color, 0.35));
    ctx.fill();
    ctx.clip();
    if (image?.complete && image.naturalWidth) {
      const side = Math.min(image.naturalWidth, image.naturalHeight);
      ctx.imageSmoothingQuality = "high";
      if (!vivid) ctx.filter = "grayscale(1)";
      ctx.drawImage(
        image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, -radius, -radius, 2 * radius, 2 * radius,
      );
    }
    ctx.restore();
    ctx.beginPath();
    ctx.arc(0, 0, radius - 0.5, 0, TAU);
    ctx.lineWidth = chosen ? 4 : 2.6;
    ctx.strokeStyle = css(color);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(0, 0, radius + (chosen ? 2.4 : 1.4), 0, TAU);
    ctx.lineWidth = chosen ? 2 : 1;
    ctx.strokeStyle = chosen ? css(theme.ink) : css(theme.paper, 0.9);
    ctx.stroke();
    const badge = clamp(radius * 0.27, 3.6, 6);
    ctx.beginPath();
    symbolPath(ctx, one.symbol, radius * 0.72, radius * 0.72, badge);
    ctx.lineWidth = 3;
    ctx.strokeStyle = css(theme.paper);
    ctx.lineJoin = "round";
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
  }

  #paintShape(ctx, item, radius, vivid) {
    const { theme } = this.player;
    const one = this.journey.classes[this.journey.items[item].answer];
    ctx.lineJoin = "round";
    ctx.beginPath();
    symbolPath(ctx, one.symbol, 0, 0, radius);
    ctx.lineWidth = 3;
    ctx.strokeStyle = css(theme.paper, 0.95);
    ctx.stroke();
    ctx.fillStyle = css(vivid ? theme.tune(one.color) : theme.grey);
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = css(theme.ink, 0.7);
    ctx.stroke();
  }
}
