// What travels beside the paths: the ghost of an earlier run, and the paths of other seeds.

import { TAU } from "./numbers.js";
import { blend, css } from "./look.js";

/** The earlier run of the same pictures, dashed; a hollow ring marks where it is now. */
export class GhostPainter {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
  }

  /** Items whose ghost is drawn. */
  #drawn() {
    const { player, journey, scene } = this.painter;
    if (!journey.ghost || !player.ghostShown || !scene.parts.ghost.there) return [];
    return journey.ghost.items.map((item, row) => ({ item, row })).filter(({ item }) => player.isVivid(item));
  }

  #color(row) {
    const { journey, player } = this.painter;
    const [answer] = journey.ghost.answers[row];
    return blend(player.theme.tune(journey.ghost.classes[answer].color), player.theme.ink, 0.25);
  }

  /** The whole way, on the still layer. */
  drawPaths(ctx) {
    const { ghostPaths } = this.painter.scene;
    ctx.lineCap = "butt";
    ctx.lineWidth = 1.3;
    ctx.setLineDash([6, 4]);
    for (const { row } of this.#drawn()) {
      ctx.strokeStyle = css(this.#color(row), 0.6);
      ctx.beginPath();
      ghostPaths.trace(ctx, row, 0, ghostPaths.stateCount - 1, (segment) => !ghostPaths.jumps.has(segment));
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  /** Where the ghosts are now, each tied to its item. @param {Point[]} points true places of the items */
  drawHeads(ctx, position, points) {
    const { journey, scene, player } = this.painter;
    for (const { item, row } of this.#drawn()) {
      const ghost = scene.ghostPaths.pointAt(row, journey.ghost.positionAt(position));
      const color = this.#color(row);
      ctx.setLineDash([1.5, 4]);
      ctx.lineCap = "round";
      ctx.lineWidth = 1.4;
      ctx.strokeStyle = css(color, 0.8);
      ctx.beginPath();
      ctx.moveTo(ghost.x, ghost.y);
      ctx.lineTo(points[item].x, points[item].y);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.arc(ghost.x, ghost.y, 5.5, 0, TAU);
      ctx.fillStyle = css(player.theme.paper, 0.85);
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

  /** Clouds of the selected items; of all where nothing is selected. */
  #drawn() {
    const { player, journey, scene } = this.painter;
    return [...journey.seedClouds.values()].filter(({ item }) => scene.parts[`seeds ${item}`].there && player.isVivid(item));
  }

  #colors(cloud) {
    const { journey, player } = this.painter;
    return cloud.ends.map((end) => player.theme.tune(journey.classes[end].color));
  }

  drawPaths(ctx) {
    for (const cloud of this.#drawn()) {
      const paths = this.painter.scene.seedPaths.get(cloud.item);
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

  drawHeads(ctx, position) {
    const { theme } = this.painter.player;
    for (const cloud of this.#drawn()) {
      const paths = this.painter.scene.seedPaths.get(cloud.item);
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
