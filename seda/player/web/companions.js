// What travels beside the paths: the ghost of an earlier run, and the paths of other seeds.

import { TAU } from "./numbers.js";
import { blend, css } from "./drawing.js";
import { drawnColor } from "./item_color.js";

/** The earlier run of the same items, dashed; a hollow ring marks where it is now. */
export class GhostPainter {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
  }

  /** The ghost and the items that it is drawn of; null where it is not shown. */
  #shown() {
    const { player, journey, scene } = this.painter;
    const { ghost } = journey, paths = scene.ghostPaths;
    if (!ghost || !paths || !player.ghostShown || player.hidesAnswers || !scene.parts.ghost.there) return null;
    return { ghost, paths, drawn: ghost.items.map((item, row) => ({ item, row })).filter(({ item }) => player.isVivid(item)) };
  }

  /** @param {Ghost} ghost @param {number} row */
  #color(ghost, row) {
    const { theme } = this.painter.player;
    const [answer] = ghost.answers[row];
    return blend(drawnColor(theme, ghost.classes[answer]), theme.ink, 0.25);
  }

  /**
   * The whole way, on the still layer.
   * @param {CanvasRenderingContext2D} ctx
   */
  drawPaths(ctx) {
    const shown = this.#shown();
    if (!shown) return;
    const { ghost, paths, drawn } = shown;
    ctx.lineCap = "butt";
    ctx.lineWidth = 1.3;
    ctx.setLineDash([6, 4]);
    for (const { row } of drawn) {
      ctx.strokeStyle = css(this.#color(ghost, row), 0.6);
      ctx.beginPath();
      paths.trace(ctx, row, 0, paths.stateCount - 1, (segment) => !paths.jumps.has(segment));
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  /**
   * Where the ghosts are now, each tied to its item.
   * @param {Point[]} points true places of the items
   * @param {CanvasRenderingContext2D} ctx @param {number} position @param {Point[]} points
   */
  drawHeads(ctx, position, points) {
    const shown = this.#shown();
    if (!shown) return;
    const { ghost, paths, drawn } = shown;
    const { theme } = this.painter.player;
    for (const { item, row } of drawn) {
      const place = paths.pointAt(row, ghost.positionAt(position));
      const color = this.#color(ghost, row);
      ctx.setLineDash([1.5, 4]);
      ctx.lineCap = "round";
      ctx.lineWidth = 1.4;
      ctx.strokeStyle = css(color, 0.8);
      ctx.beginPath();
      ctx.moveTo(place.x, place.y);
      ctx.lineTo(points[item].x, points[item].y);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.arc(place.x, place.y, 5.5, 0, TAU);
      ctx.fillStyle = css(theme.paper, 0.85);
      ctx.fill();
      ctx.lineWidth = 2;
      ctx.strokeStyle = css(color);
      ctx.stroke();
    }
  }
}

/** One item's paths from other seeds: wide faint strokes lie on one another and make a ribbon, thin ones tell them apart. */
export class SeedPainter {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
  }

  /** Clouds of the selected items with their paths; of all where nothing is selected. */
  #drawn() {
    const { player, journey, scene } = this.painter;
    if (player.seedsShown === false || player.hidesAnswers) return []; // they lead to answers
    return [...scene.seedPaths].flatMap(([item, paths]) => {
      const cloud = journey.seedClouds.get(item);
      return cloud && scene.parts[`seeds ${item}`].there && player.isVivid(item) ? [{ cloud, paths }] : [];
    });
  }

  /** @param {SeedCloud} cloud */
  #colors(cloud) {
    const { journey, player } = this.painter;
    return cloud.ends.map((end) => drawnColor(player.theme, journey.classes[end] ?? null));
  }

  /** @param {CanvasRenderingContext2D} ctx */
  drawPaths(ctx) {
    for (const { cloud, paths } of this.#drawn()) {
      this.#colors(cloud).forEach((color, seed) => {
        ctx.beginPath();
        paths.trace(ctx, seed, 0, paths.stateCount - 1, (segment) => !paths.jumps.has(segment));
        ctx.lineCap = "round";
        ctx.lineJoin = "round";
        for (const [width, alpha] of [[15, 0.045], [1, 0.4]]) {
          ctx.lineWidth = width;
          ctx.strokeStyle = css(color, alpha);
          ctx.stroke();
        }
      });
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} position */
  drawHeads(ctx, position) {
    const { theme } = this.painter.player;
    for (const { cloud, paths } of this.#drawn()) {
      this.#colors(cloud).forEach((color, seed) => {
        const { x, y } = paths.pointAt(seed, position);
        ctx.beginPath();
        ctx.arc(x, y, 3.2, 0, TAU);
        ctx.fillStyle = css(color, 0.9);
        ctx.fill();
        ctx.lineWidth = 1;
        ctx.strokeStyle = css(theme.paper, 0.9);
        ctx.stroke();
      });
    }
  }
}
