// All that is drawn on the map, in order: what stands still, then what moves above it.

import { mix, TAU } from "./numbers.js";
import { blend, css } from "./drawing.js";
import { brush, el, fitCanvas } from "./dom.js";
import { Scene } from "./scene.js";
import { Background } from "./background.js";
import { Trails } from "./trails.js";
import { Landmarks } from "./landmarks.js";
import { Heads } from "./heads.js";
import { GhostPainter, SeedPainter } from "./companions.js";
import { Lights } from "./lights.js";

const OPAQUE = { alpha: false }; // one opaque canvas on the page costs half of what two that are blended do

/**
 * The canvas on the page, which moves, and the picture below it, which stands still.
 *
 * @typedef {{kind: "item"|"text"|"center", index: number, anchor?: Element}} Hit  what the pointer is over
 * @typedef {{from: Scene, view: View, share: number, ease: number, names: number}} Morph  the way from one map to another
 * @typedef {{view: View, theme: Theme, selection: Set<number>, hovered: number, highlight: string|null, trust: boolean,
 *   ghostShown: boolean, seedsShown?: boolean, hidesAnswers?: boolean, prediction?: import("./prediction.js").Prediction, isVivid: (item: number) => boolean, isDimmed: (one: Styled) => boolean, invalidate: () => void}} Shown
 *   what a painter must know of the player
 */
export class MapPainter {
  /** @param {Shown} player */
  constructor(player) {
    this.player = player;
    this.base = document.createElement("canvas");
    this.moving = el("canvas", { class: "sp-layer", "data-testid": "map-canvas", "aria-hidden": "true" });
    this.background = new Background(this);
    this.trails = new Trails(this);
    this.landmarks = new Landmarks(this);
    this.heads = new Heads(this);
    this.ghost = new GhostPainter(this);
    this.seeds = new SeedPainter(this);
    this.lights = new Lights(this);
    this.parts = [this.background, this.trails, this.landmarks, this.heads];
    this.density = 1;
    /** @type {Journey} */ this.journey;
    /** @type {Scene} */ this.scene;
  }

  /** @param {Journey} journey */
  load(journey) {
    this.journey = journey;
    this.scene = new Scene(journey);
    for (const part of this.parts) part.load(journey);
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    for (const canvas of [this.base, this.moving]) this.density = fitCanvas(canvas, width, height);
    for (const part of this.parts) part.resize(width, height);
  }

  /** The scene as it is; from now on another one is drawn into. */
  takeScene() {
    const scene = this.scene;
    this.scene = new Scene(this.journey);
    return scene;
  }

  /**
   * Put everything where the view has it, or on the way there from another map.
   * @param {Morph|null} morph
   */
  #layOut(morph) {
    const { scene } = this;
    scene.project(this.player.view);
    if (morph) scene.mixWith(morph.from, 1 - morph.ease);
    scene.updatePaths();
    this.trails.shade();
    this.landmarks.locate();
    this.heads.assignPlaces();
  }

  /**
   * @param {boolean} moving the view is moving: what is costly is drawn in a cheaper way until it rests
   * @param {Morph|null} morph
   */
  drawBase(moving, morph) {
    const { view } = this.player;
    this.#layOut(morph);
    const ctx = brush(this.base, OPAQUE);
    this.#drawBackdrop(ctx);
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    if (morph) this.background.drawFrame(ctx, morph.view, 1 - morph.ease);
    this.background.drawFrame(ctx, view, morph ? morph.ease : 1);
    if (morph) this.background.drawMorphing(ctx, morph);
    else this.background.draw(ctx, moving);
    this.seeds.drawPaths(ctx);
    this.ghost.drawPaths(ctx);
    this.trails.drawFuture(ctx);
    this.landmarks.draw(moving || (morph !== null && morph.ease < 1));
    this.trails.settledTo = -1;
  }

  /**
   * The paper, a little lighter above the middle; in device pixels, so that no edge stays unpainted.
   * @param {CanvasRenderingContext2D} ctx
   */
  #drawBackdrop(ctx) {
    const { theme } = this.player;
    const { width, height } = this.base;
    ctx.setTransform(width, 0, 0, height, 0, 0);
    const glow = ctx.createRadialGradient(0.5, 0.4, 0, 0.5, 0.4, 1.2);
    glow.addColorStop(0, css(blend(theme.paper, [255, 255, 255], 0.03)));
    glow.addColorStop(1, css(blend(theme.paper, theme.ink, 0.04)));
    ctx.fillStyle = glow;
    ctx.fillRect(0, 0, 1, 1);
  }

  /**
   * What moves, at a position: a function of it and of the view, so a step is the same picture however it was reached.
   * @param {number} position @param {Morph|null} [morph]
   */
  drawMoving(position, morph = null) {
    const { view } = this.player;
    const ctx = brush(this.moving, OPAQUE);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(this.base, 0, 0);
    ctx.setTransform(this.density, 0, 0, this.density, 0, 0);
    const points = this.journey.items.map((_, item) => this.scene.paths.pointAt(item, position));
    const order = this.#drawOrder(points);
    this.trails.drawPast(ctx, order, position);
    if (this.player.trust) this.trails.drawFlags(ctx, position);
    this.#drawHandOver(ctx, position);
    ctx.drawImage(this.landmarks.canvas, 0, 0, view.width, view.height);
    this.heads.lay(points, position);
    this.lights.draw(ctx, position, Math.round(position));
    this.player.prediction?.drawBets(ctx);
    this.landmarks.drawNames(ctx, this.heads.discs(), morph ? morph.names : 1);
    this.heads.drawPins(ctx, points);
    if (!morph) this.heads.drawTethers(ctx, position);
    this.seeds.drawHeads(ctx, position);
    this.ghost.drawHeads(ctx, position, points);
    for (const item of order) this.heads.drawHead(ctx, item, points[item]);
    this.heads.drawCounts(ctx, points, position);
  }

  /**
   * Far ones early; vivid items late, so that they lie on top; the one under the pointer last.
   * @param {Spot[]} points
   */
  #drawOrder(points) {
    const rank = points.map(({ size }, item) => size + 10 * Number(this.player.isVivid(item)) + 20 * Number(item === this.player.hovered));
    return [...rank.keys()].sort((a, b) => rank[a] - rank[b]);
  }

  /**
   * Rings around the category centers while the path is handed over there.
   * @param {CanvasRenderingContext2D} ctx @param {number} position
   */
  #drawHandOver(ctx, position) {
    const nearness = 1 - Math.abs(position - this.journey.handOver) / 1.6;
    if (nearness <= 0) return;
    const { theme } = this.player;
    const ease = nearness * nearness * (3 - 2 * nearness);
    this.landmarks.centerPoints.forEach(({ x, y, size }, i) => {
      ctx.strokeStyle = css(theme.tune(this.journey.centers[i].color), 0.75 * ease);
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.arc(x, y, this.landmarks.starRadius * size * mix(2.6, 1.5, ease), 0, TAU);
      ctx.stroke();
    });
  }

  // ---- what lies under the pointer

  /** @param {number} x @param {number} y @returns {Hit|null} */
  hit(x, y) {
    /** @param {Point[]} points @param {number|number[]} reach */
    const nearest = (points, reach) => {
      let best = -1, bestGap = 0;
      points.forEach((point, i) => {
        const gap = Math.hypot(point.x - x, point.y - y) - (typeof reach === "number" ? reach : reach[i] + 3);
        if (gap <= bestGap) [best, bestGap] = [i, gap];
      });
      return best;
    };
    const { textPoints, centerPoints, starRadius } = this.landmarks;
    const item = nearest(this.heads.places, this.heads.radii);
    if (item >= 0) return { kind: "item", index: item };
    const text = nearest(textPoints, starRadius + 6);
    if (text >= 0) return { kind: "text", index: text };
    const center = nearest(centerPoints, starRadius + 4);
    return center >= 0 ? { kind: "center", index: center } : null;
  }
}
