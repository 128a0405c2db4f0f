// Category centers and class texts with their names.

import { clamp, mix } from "./numbers.js";
import { blend, css, fitText, starPath, symbolPath } from "./look.js";
import { fitCanvas } from "./dom.js";
import { depthFade } from "./scene.js";
import { LabelPlacer } from "./labels.js";

/** A diamond for each category center, a star for each class text, and names where there is room. */
export class Landmarks {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    this.canvas = document.createElement("canvas");
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  load(journey) {
    this.forgetPlaces();
    const classNames = new Set(journey.classes.map((one) => one.name.trim().toLowerCase()));
    this.namedCenters = journey.centers.map((center) => !classNames.has(center.name.trim().toLowerCase()));
  }

  resize(width, height) {
    fitCanvas(this.canvas, width, height);
  }

  /** Labels may be placed anew. */
  forgetPlaces() {
    /** Where each label was put last. @type {Map<Styled, number>} */
    this.labelChoices = new Map();
  }

  draw(moving, morph) {
    const { view } = this.player;
    const ctx = this.canvas.getContext("2d");
    ctx.setTransform(this.painter.density, 0, 0, this.painter.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    const placer = new LabelPlacer(view.width, view.height);
    const texts = this.painter.scene.list("texts"), centers = this.painter.scene.list("centers");
    this.starRadius = clamp(Math.min(view.width, view.height) / 46, view.small ? 5.5 : 8, 13) * (texts.length > 30 ? 0.75 : 1);
    this.textPoints = texts;
    /** Boxes of the class names that were drawn: pictures keep off them. */
    this.labelBoxes = [];
    this.centerPoints = centers;
    const fromFar = (points) => [...points.keys()].sort((a, b) => points[a].size - points[b].size);
    for (const i of fromFar(centers)) this.#drawCenter(ctx, centers[i], this.journey.centers[i]);
    const gone = this.#goneTexts();
    for (const { point, one } of gone) this.#drawGoneStar(ctx, point, one);
    for (const i of fromFar(texts)) this.#drawStar(ctx, texts[i], this.journey.classes[i]);
    for (const point of texts) placer.block(point.x, point.y, this.starRadius);
    for (const point of centers) placer.block(point.x, point.y, this.starRadius * 0.6);
    const size = view.small ? 10.5 : view.width < 520 ? 12 : 13.5;
    ctx.globalAlpha = morph ? morph.names : 1;
    for (const i of fromFar(texts).reverse()) this.#drawLabel(ctx, placer, texts[i], this.journey.classes[i], size, 650, moving);
    for (const i of fromFar(centers).reverse()) {
      if (this.namedCenters[i]) this.#drawLabel(ctx, placer, centers[i], this.journey.centers[i], 11, 450, moving);
    }
    for (const { point, one } of gone) this.#drawLabel(ctx, placer, point, { ...one, name: `${one.name} (before)` }, 11, 450, moving);
    ctx.globalAlpha = 1;
  }

  /** Class texts of the ghost that are not among today's. @returns {{point: Point, one: Styled}[]} */
  #goneTexts() {
    const { ghost } = this.journey;
    const { scene } = this.painter;
    if (!ghost || !this.player.ghostShown || !scene.parts.ghostTexts.there) return [];
    const points = scene.list("ghostTexts");
    return ghost.gone.map((i) => ({ point: points[i], one: ghost.classes[i] }));
  }

  #drawGoneStar(ctx, { x, y, size }, one) {
    const { theme } = this.player;
    ctx.setLineDash([3, 2]);
    ctx.beginPath();
    starPath(ctx, x, y, this.starRadius * size);
    ctx.fillStyle = css(theme.paper, 0.8);
    ctx.fill();
    ctx.lineWidth = 1.4;
    ctx.strokeStyle = css(theme.tune(one.color));
    ctx.stroke();
    ctx.setLineDash([]);
  }

  #drawCenter(ctx, { x, y, size }, center) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const radius = this.starRadius * 0.66 * size;
    ctx.beginPath();
    symbolPath(ctx, "diamond", x, y, radius);
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.9);
    ctx.stroke();
    ctx.fillStyle = css(dimmed ? blend(theme.grey, theme.paper, 0.5) : theme.tune(center.color));
    ctx.fill();
    ctx.lineWidth = 1.2;
    ctx.strokeStyle = css(theme.ink, dimmed ? 0.12 : 0.55);
    ctx.stroke();
  }

  #drawStar(ctx, { x, y, size }, one) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(one);
    const color = dimmed ? blend(theme.grey, theme.paper, 0.5) : blend(theme.paper, theme.tune(one.color), mix(0.4, 1, depthFade(size)));
    const radius = this.starRadius * size;
    const reach = radius * 3.4;
    if (!dimmed) {
      const glow = ctx.createRadialGradient(x, y, 0, x, y, reach);
      glow.addColorStop(0, css(color, theme.dark ? 0.55 : 0.42));
      glow.addColorStop(0.4, css(color, theme.dark ? 0.2 : 0.14));
      glow.addColorStop(1, css(color, 0));
      ctx.fillStyle = glow;
      ctx.fillRect(x - reach, y - reach, 2 * reach, 2 * reach);
    }
    ctx.lineJoin = "round";
    ctx.beginPath();
    starPath(ctx, x, y, radius);
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.95);
    ctx.stroke();
    ctx.fillStyle = css(color);
    ctx.fill();
    ctx.lineWidth = 1.1;
    ctx.strokeStyle = css(theme.dark ? [255, 255, 255] : theme.ink, dimmed ? 0.12 : 0.6);
    ctx.stroke();
  }

  #drawLabel(ctx, placer, point, one, size, weight, moving) {
    const { theme, view } = this.player;
    if (point.x < 0 || point.y < 0 || point.x > view.width || point.y > view.height) return;
    ctx.font = `${weight} ${size}px ${this.player.theme.font}`;
    const text = fitText(ctx, one.name, clamp(view.width * 0.24, 70, 190));
    const width = ctx.measureText(text).width;
    const last = this.labelChoices.get(one);
    const place = placer.place(point.x, point.y, this.starRadius * point.size + 1, width, size + 5, moving || last < 8 ? last : undefined);
    if (!place) return;
    this.labelChoices.set(one, place.choice);
    if (weight > 500) this.labelBoxes.push([place.x, place.y - size / 2, place.x + width, place.y + size / 2]);
    const dimmed = this.player.isDimmed(one);
    if (place.far) this.#drawLeader(ctx, point, place, width, theme);
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.85);
    ctx.strokeText(text, place.x, place.y);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.ink, dimmed ? 0.7 : mix(0.45, 1, depthFade(point.size)));
    ctx.fillText(text, place.x, place.y);
  }

  /** A thin line from a mark to its label, where the label had to be set off. */
  #drawLeader(ctx, point, place, width, theme) {
    const end = { x: clamp(point.x, place.x, place.x + width), y: place.y };
    const gap = Math.hypot(end.x - point.x, end.y - point.y);
    const share = Math.min(1, this.starRadius / gap);
    ctx.strokeStyle = css(theme.ink, 0.35);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(mix(point.x, end.x, share), mix(point.y, end.y, share));
    ctx.lineTo(end.x, end.y);
    ctx.stroke();
  }
}
