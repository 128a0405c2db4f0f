// The way from a map to the screen and its zoom.

import assert from "node:assert/strict";
import test from "node:test";

import { HOME, View } from "../../../seda/player/web/view.js";
import { standIn } from "./stand_in.mjs";

const insets = { top: 40, bottom: 60 };
/** @type {MapData} */
const flat = standIn({ name: "flat", timeline: false, solid: false, bounds: { low: [0, 0], high: [10, 5] } });
/** @type {MapData} */
const timeline = standIn({ name: "line", timeline: true, solid: false, bounds: { low: [0, 2], high: [1, 4] }, rowShare: 0.25 });
/** @type {MapData} */
const solid = standIn({
  name: "solid", timeline: false, solid: true, bounds: { low: [-1, -1, -1], high: [1, 1, 1] }, reach: () => ({ around: 1, tall: 1 }),
});

/** @param {MapData} map @param {number} [width] @param {number} [height] */
const framed = (map, width = 1000, height = 600) => {
  const view = new View(map);
  view.frame(width, height, insets);
  return view;
};
/** @param {number} value @param {number} wanted */
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-3, `${value} is not ${wanted}`);
/** @param {View} view @param {number[]} points */
const projected = (view, points) => {
  const count = points.length / (view.map.solid ? 3 : 2), pixels = new Float32Array(2 * count), sizes = new Float32Array(count);
  view.project(points, pixels, sizes);
  return { pixels: [...pixels], sizes: [...sizes] };
};

test("a flat map fits between its controls, with the same scale on both axes", () => {
  const view = framed(flat);
  // 96 px of room at the sides leave 808 for 10 units; 35 above and below leave 430 for 5, which is more.
  near(view.fit.scale[0], 80.8);
  near(view.fit.scale[1], 80.8);
  near(view.toX(0), 96);
  near(view.toX(10), 904);
  near(view.toY(2.5), 290); // the middle between the insets
  near(view.toY(5), 290 - 2.5 * 80.8); // up is up
});

test("all points go where a single one does, each at the size 1", () => {
  const view = framed(flat);
  view.zoomAt(3, 321, 123);
  const { pixels, sizes } = projected(view, [0, 0, 7, 4, 10, 1.5]);
  [0, 7, 10].forEach((x, i) => near(pixels[2 * i], view.toX(x)));
  [0, 4, 1.5].forEach((y, i) => near(pixels[2 * i + 1], view.toY(y)));
  assert.deepEqual(sizes, [1, 1, 1]);
});

test("a timeline begins at its left edge and leaves a quarter for the words", () => {
  const view = framed(timeline);
  near(view.toX(0), 30);
  near(view.toX(1), 750);
  near(view.toY(3), (40 + 35 + 20 + 600 - 60 - 35 - 22) / 2);
  near(view.rowHeight, 0.25 * (view.toY(2) - view.toY(4)));
  assert.equal(framed(flat).rowHeight, Infinity);
});

test("zooming keeps the point under the pointer", () => {
  const view = framed(flat);
  const at = () => [(700 - view.middle.x) / (view.fit.scale[0] * view.zoom), (200 - view.middle.y) / (view.fit.scale[1] * view.zoom)];
  const [x, y] = at();
  view.zoomAt(1.7, 700, 200);
  view.zoomAt(1.3, 700, 200);
  near(view.zoom, 2.21);
  near(at()[0], x);
  near(at()[1], y);
});

test("it zooms to 40 at most and to 1 at least, and there all is in its place again", () => {
  const view = framed(flat);
  view.zoomAt(1000, 500, 290);
  assert.equal(view.zoom, 40);
  view.zoomAt(1e-6, 30, 20);
  assert.deepEqual([view.zoom, view.panX, view.panY], [1, 0, 0]);
});

test("some of the picture stays in sight", () => {
  const view = framed(flat);
  view.zoomAt(2, 500, 290);
  [view.panX, view.panY] = [1e6, -1e6];
  view.limit();
  near(view.panX, 1.1 * 1000);
  near(view.panY, -1.1 * 600);
});

test("a larger frame keeps the shift in proportion, and another view of the map takes it over", () => {
  const view = framed(flat);
  view.zoomAt(2, 500, 290);
  view.panX = 100;
  view.frame(2000, 600, insets);
  assert.equal(view.panX, 200);
  const next = new View(flat, view);
  assert.deepEqual([next.zoom, next.panX, next.width], [2, 200, 2000]);
  assert.deepEqual([new View(flat).zoom, new View(flat).yaw], [HOME.zoom, HOME.yaw]);
});

test("on a solid map the middle has size 1, what is nearer is larger, and what is further is smaller", () => {
  const view = framed(solid);
  [view.yaw, view.pitch] = [0, 0];
  const { pixels, sizes } = projected(view, [0, 0, 0, 0, 0, -1, 0, 0, 1, 0.5, 0, 0, 0, 0.5, 0]);
  near(pixels[0], view.middle.x);
  near(pixels[1], view.middle.y);
  near(sizes[0], 1);
  near(sizes[1], 3.4 / 2.4);
  near(sizes[2], 3.4 / 4.4);
  near(pixels[6], view.middle.x + 0.5 * view.fit.scale[0]);
  near(pixels[9], view.middle.y - 0.5 * view.fit.scale[1]);
});

test("turning a solid map sideways moves nothing out of sight, and a whole turn changes nothing", () => {
  const view = framed(standIn({ ...solid, reach: () => ({ around: 1, tall: 0.4 }) })); // so flat that its width decides
  const ring = Array.from({ length: 24 }, (_, i) => [Math.cos((i * Math.PI) / 12), 0, Math.sin((i * Math.PI) / 12)]).flat();
  const before = projected(view, ring);
  for (let turn = 0; turn < 40; turn++) {
    view.orbit((2 * Math.PI) / 40, 0);
    const { pixels } = projected(view, ring);
    for (let i = 0; i < pixels.length; i += 2) assert.ok(pixels[i] >= 96 && pixels[i] <= 904);
    for (let i = 1; i < pixels.length; i += 2) assert.ok(pixels[i] >= 75 && pixels[i] <= 505);
  }
  before.pixels.forEach((value, i) => near(projected(view, ring).pixels[i], value));
});

test("a solid map stays upright", () => {
  const view = framed(solid);
  view.orbit(0, 99);
  assert.equal(view.pitch, 1.45);
  view.orbit(0, -99);
  assert.equal(view.pitch, -1.45);
});

test("a painted picture serves while only zoom and shift change", () => {
  const view = framed(solid), before = view.turn;
  view.zoomAt(2, 10, 10);
  assert.equal(view.turn, before);
  view.orbit(0.1, 0);
  assert.notEqual(view.turn, before);
});
