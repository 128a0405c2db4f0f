// How a view moves to where it shall be, and stays with items.

import assert from "node:assert/strict";
import test from "node:test";

import { Camera } from "../../../seda/player/web/camera.js";
import { View } from "../../../seda/player/web/view.js";
import { standIn } from "./stand_in.mjs";

/** @type {MapData} */
const flat = standIn({ name: "flat", timeline: false, solid: false, bounds: { low: [0, 0], high: [10, 5] } });

/**
 * A camera before a player that has just what it uses.
 * @param {{selected?: number[], points?: ((view: View) => Point)[], calm?: boolean}} options
 */
function looking({ selected = [], points = [], calm = false } = {}) {
  const view = new View(flat);
  view.frame(1000, 600, { top: 0, bottom: 0 });
  const element = () => ({ setAttribute() {}, classList: { toggle: () => true } });
  /** @type {Player} */
  const player = standIn({
    view, selection: new Set(selected), stillsShown: false, morph: null, motion: { matches: calm }, frames: { mapDirty: false },
    root: { dataset: {} }, parts: { follow: element(), mapStage: element(), showAll: element() }, hover() {}, invalidate() {},
    map: { scene: { paths: { pointAt: (item) => ({ ...points[item](view), size: 1 }) } } },
  });
  const camera = new Camera(player);
  return { camera, player, view };
}

/** @param {Camera} camera @param {number} frames @param {() => boolean} step */
function run(camera, frames, step) {
  for (let frame = 0; frame < frames; frame++) if (!step()) return frame;
  camera.stop();
  assert.fail(`still moving after ${frames} frames`);
}

test("a view comes to its goal exactly, and never beyond it", () => {
  const { camera, view } = looking();
  camera.goal = { zoom: 2, panX: 50 };
  let before = view.zoom;
  run(camera, 400, () => {
    const moves = camera.moveOn(0.016);
    assert.ok(view.zoom >= before && view.zoom <= 2);
    before = view.zoom;
    return moves;
  });
  camera.stop();
  assert.deepEqual([view.zoom, view.panX, view.panY], [2, 50, 0]);
  assert.equal(camera.goal, null);
});

test("everything comes in sight again", () => {
  const { camera, view, player } = looking();
  camera.zoomBy(4, 100, 100);
  assert.equal(player.root.dataset.zoom, "4.00");
  camera.reset();
  run(camera, 400, () => camera.moveOn(0.016));
  camera.stop();
  assert.deepEqual([view.zoom, view.panX, view.panY], [1, 0, 0]);
});

test("with reduced motion that happens at once", () => {
  const { camera, view } = looking({ calm: true });
  camera.zoomBy(4, 100, 100);
  camera.reset();
  camera.stop();
  assert.deepEqual([view.zoom, view.panX, view.panY], [1, 0, 0]);
});

test("a map that is not zoomed is not shifted, a zoomed one is", () => {
  const { camera, view } = looking();
  camera.move(30, 10);
  assert.deepEqual([view.panX, view.panY], [0, 0]);
  camera.zoomBy(2);
  camera.move(30, 10);
  camera.stop();
  assert.deepEqual([view.panX, view.panY], [30, 10]);
});

test("nothing moves while stills are shown", () => {
  const { camera, view, player } = looking();
  player.stillsShown = true;
  camera.zoomBy(2);
  camera.move(30, 10);
  assert.deepEqual([view.zoom, view.panX], [1, 0]);
});

test("it brings the middle of the selected items to the middle of the map", () => {
  /** @type {(x: number, y: number) => (view: View) => Point} */
  const at = (x, y) => (view) => ({ x: view.toX(x), y: view.toY(y) });
  const { camera, view } = looking({ selected: [0, 1], points: [at(3, 2), at(5, 4)] });
  camera.follow(true);
  assert.equal(camera.following, true);
  run(camera, 400, () => camera.moveOn(0.016));
  run(camera, 400, () => camera.followOn(0.016, 0));
  camera.stop();
  assert.equal(view.zoom, 2.2);
  assert.ok(Math.hypot(view.toX(4) - view.fit.x, view.toY(3) - view.fit.y) < 0.6);
});

test("without a selected item there is nothing to stay with", () => {
  const { camera } = looking();
  camera.follow(true);
  assert.equal(camera.following, false);
  assert.equal(camera.followOn(0.016, 0), false);
});
