// Category centers and class texts with their names.

import { clamp, mix } from "./numbers.js";
import { blend, css, starPath, symbolPath } from "./drawing.js";
import { brush, fitCanvas } from "./dom.js";
import { depthFade } from "./scene.js";
import { covers, fitText, isRightToLeft, placeNames, spreadLabels, wrap } from "./labels.js";

const FIRM = 40; // class texts whose names are all written; of more, those that find room
const PATH_SAMPLES = 160; // points of paths that names had better not lie on
const HIDDEN = 60, TOUCHED = 6; // px^2 of a name under a head: faded wholly, not at all
const FADED = 0.16;
const ZOOM = { width: 46, height: 146 }; // px that the zoom buttons take of the lower right corner

/**
 * A name that would be written; `word`: the class text that it is. Measured: with its lines; as it is written: with its place.
 * @typedef {{key: string, word?: number, point: Spot, one: Styled, size: number, weight: number, firm: boolean}} Wanted
 * @typedef {Wanted & {lines: string[], width: number, height: number}} Measured
 * @typedef {HTMLCanvasElement & {padding: number, wide: number, tall: number}} NameSprite  its padding and size, px of the page
 * @typedef {Measured & {place: Place, at: Point, sprite: NameSprite, covered: number}} Written  at: its mark; covered: px^2
 */

/** A diamond for each category center, a star for each class text, and their names. */
export class Landmarks {
  /** @param {MapPainter} painter */
  constructor(painter) {
    this.painter = painter;
    this.canvas = document.createElement("canvas");
    /** @type {Written[]} names as they are written now */ this.names = [];
    /** @type {Map<string, Place>} places of names by their keys, and the view that they were found for */ this.places = new Map();
    this.placedFor = "";
    /** @type {boolean[]} whether a category is no class text, too */ this.namedCenters = [];
    /** @type {Spot[]} */ this.textPoints = [];
    /** @type {Spot[]} */ this.centerPoints = [];
    this.starRadius = 10;
  }

  get player() {
    return this.painter.player;
  }

  get journey() {
    return this.painter.journey;
  }

  /** @param {Journey} journey */
  load(journey) {
    const classNames = new Set(journey.classes.map((one) => one.name.trim().toLowerCase()));
    this.namedCenters = journey.centers.map((center) => !classNames.has(center.name.trim().toLowerCase()));
    this.names = [];
    this.places = new Map();
    this.placedFor = "";
    this.textPoints = this.centerPoints = [];
    this.starRadius = 10;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    fitCanvas(this.canvas, width, height);
  }

  /** Where the marks are, before anything is given a place around them. */
  locate() {
    const { view } = this.player;
    const { scene } = this.painter;
    this.textPoints = scene.list("texts");
    this.centerPoints = scene.list("centers");
    this.starRadius = clamp(Math.min(view.width, view.height) / 46, view.small ? 5.5 : 8, 13) * (this.textPoints.length > 30 ? 0.75 : 1) * this.player.theme.marks;
    if (view.map.timeline) this.starRadius = Math.min(this.starRadius, Math.max(5, view.rowHeight * 0.4));
  }

  /** @param {boolean} moving names go with their marks and are placed anew when the view rests */
  draw(moving) {
    const { view } = this.player;
    const ctx = brush(this.canvas);
    ctx.setTransform(this.painter.density, 0, 0, this.painter.density, 0, 0);
    ctx.clearRect(0, 0, view.width, view.height);
    /** @param {Spot[]} points */
    const fromFar = (points) => [...points.keys()].sort((a, b) => points[a].size - points[b].size);
    for (const i of fromFar(this.centerPoints)) this.#drawCenter(ctx, this.centerPoints[i], this.journey.centers[i]);
    const gone = this.#goneTexts();
    for (const { point, one } of gone) this.#drawGoneStar(ctx, point, one);
    for (const i of fromFar(this.textPoints)) this.#drawStar(ctx, this.textPoints[i], this.journey.classes[i]);
    const wanted = this.#wantedNames(gone);
    if (moving) this.#carryNames(wanted);
    else this.#placeNames(ctx, wanted);
  }

  /**
   * Class texts of the ghost that are not among today's.
   * @returns {{point: Spot, one: Styled}[]}
   */
  #goneTexts() {
    const { ghost } = this.journey;
    const { scene } = this.painter;
    if (!ghost || !this.player.ghostShown || !scene.parts.ghostTexts.there) return [];
    const points = scene.list("ghostTexts");
    return ghost.gone.map((i) => ({ point: points[i], one: ghost.classes[i] }));
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Spot} spot @param {Styled} one */
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

  /** @param {CanvasRenderingContext2D} ctx @param {Spot} spot @param {Styled} center */
  #drawCenter(ctx, { x, y, size }, center) {
    const { theme } = this.player;
    const dimmed = this.player.isDimmed(center);
    const radius = this.starRadius * (this.centerPoints.length > 20 ? 0.5 : 0.66) * size;
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

  /** @param {CanvasRenderingContext2D} ctx @param {Spot} spot @param {Styled} one */
  #drawStar(ctx, { x, y, size }, one) {
    const { theme, view } = this.player;
    const dimmed = this.player.isDimmed(one);
    const color = dimmed ? blend(theme.grey, theme.paper, 0.5) : blend(theme.paper, theme.tune(one.color), mix(0.4, 1, depthFade(size)));
    const radius = this.starRadius * size;
    const reach = view.map.timeline ? radius * 2 : radius * 3.4;
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

  // ---- names

  /**
   * What would be written: words firmly, then categories that are no word, then words that are gone.
   * @param {{point: Spot, one: Styled}[]} gone
   */
  #wantedNames(gone) {
    const { view } = this.player;
    const { type } = this.player.theme, size = (view.small ? 13 : 14) * type, small = 13 * type;
    /** @param {Point} point */
    const inSight = ({ x, y }) => x >= 0 && y >= 0 && x <= view.width && y <= view.height;
    /** @type {Wanted[]} */
    const words = this.textPoints.map((point, i) => ({ key: `w${i}`, word: i, point, one: this.journey.classes[i], size, weight: 650, firm: this.textPoints.length <= FIRM }));
    const categories = this.centerPoints.flatMap((point, i) => (this.namedCenters[i] ? [{ key: `c${i}`, point, one: this.journey.centers[i], size: small, weight: 450, firm: false }] : []));
    const before = gone.map(({ point, one }, i) => ({ key: `g${i}`, point, one: { ...one, name: `${one.name} (before)` }, size: small, weight: 450, firm: false }));
    return [...words, ...categories, ...before].filter(({ point }) => inSight(point));
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Wanted[]} wanted */
  #placeNames(ctx, wanted) {
    const { view } = this.player;
    const most = clamp(view.width * 0.2, 78 * this.player.theme.type, 170 * this.player.theme.type);
    const names = wanted.map((name) => {
      ctx.font = this.#font(name);
      const inRow = view.map.timeline && name.word !== undefined, lines = inRow ? this.#rowLines(ctx, name) : wrap(ctx, name.one.name, most);
      return { ...name, lines, width: Math.max(...lines.map((line) => ctx.measureText(line).width)), height: lines.length * (name.size + 2) + 3 };
    });
    // Selecting or highlighting changes colours, not places.
    const { x, y } = view.middle;
    const key = [view.turn, view.zoom, x, y, view.width, view.height, this.painter.heads.headRadius, ...names.map(({ key, width, height }) => `${key} ${width} ${height}`)].join(" ");
    if (key !== this.placedFor) {
      this.placedFor = key;
      const inColumn = view.map.timeline ? names.filter(({ word }) => word !== undefined) : [];
      const free = names.filter((name) => !inColumn.includes(name));
      this.places = new Map([...this.#column(inColumn), ...this.#around(free, inColumn)].map(({ name, place }) => [name.key, place]));
    }
    const density = this.painter.density;
    this.names = names.flatMap((name) => {
      const place = this.places.get(name.key);
      if (!place) return [];
      const { x, y } = name.point;
      return [{ ...name, place, at: { x, y }, sprite: this.#sprite(name, place, density), covered: 0 }];
    });
  }

  /**
   * A word at the edge of a timeline: two lines where its row has room for them.
   * @param {CanvasRenderingContext2D} ctx @param {Wanted} wanted
   */
  #rowLines(ctx, { one, size }) {
    const { view } = this.player;
    return view.rowHeight >= 2 * (size + 2) ? wrap(ctx, one.name, view.labelRoom) : [fitText(ctx, one.name, view.labelRoom)];
  }

  /**
   * Names around their marks.
   * @param {Measured[]} names @param {Measured[]} blocked @returns {{name: Measured, place: Place}[]} those that are written
   */
  #around(names, blocked) {
    const { view } = this.player;
    const { heads } = this.painter;
    /** @param {{berths: Map<number, Berth>}} what */
    const circles = ({ berths }) => [...berths.values()].flatMap(({ radius, places }) => places.map(({ x, y }) => ({ x, y, radius: radius + 1 })));
    const stars = this.textPoints.map(({ x, y, size }) => ({ x, y, radius: this.starRadius * size }));
    const diamonds = this.centerPoints.map(({ x, y, size }) => ({ x, y, radius: this.starRadius * 0.66 * size }));
    const column = blocked.map(({ point }) => ({ x: point.x, y: point.y, radius: this.starRadius }));
    const places = placeNames(
      names.map(({ point, width, height, firm, word }) => ({
        x: point.x, y: point.y, gap: (word === undefined ? 0.7 : 1) * this.starRadius * point.size, width, height, firm,
      })),
      {
        heads: [...circles(heads.words), ...heads.alone], marks: [...stars, ...column], categories: [...circles(heads.categories), ...diamonds], paths: this.#pathPoints(),
        boxes: view.small ? [] : [[view.width - ZOOM.width, view.height - ZOOM.height, view.width, view.height]],
        // on a timeline below the names of the stages
        frame: { left: 4, top: Math.max(4, view.insets.top + (view.map.timeline ? 22 * this.player.theme.type : -8)), right: view.width - 4, bottom: view.height - view.insets.bottom + 4 },
      },
    );
    return names.flatMap((name, i) => {
      const place = places[i];
      return place ? [{ name, place }] : [];
    });
  }

  /**
   * On a timeline the words stand in a column at the right edge, each at its star's height, behind its heads.
   * @param {Measured[]} names
   */
  #column(names) {
    if (!names.length) return [];
    const { view } = this.player;
    const { words: { berths }, alone } = this.painter.heads;
    // Behind the heads of the words: none lies on a name.
    const behind = [...berths.values()].flatMap(({ mark, radius, places }) => places.map(({ x }) => x + radius - mark.x));
    const extent = Math.max(this.starRadius, ...behind, ...alone.map(({ x, radius }) => x + radius - names[0].point.x));
    const rows = names.map((name) => ({ name, y: name.point.y })).sort((a, b) => a.y - b.y);
    const tallest = Math.max(...names.map(({ height }) => height));
    const room = (view.height - view.insets.bottom - view.insets.top) / names.length;
    spreadLabels(rows, Math.min(tallest, room), view.insets.top + tallest / 2, view.height - view.insets.bottom - 6);
    return rows.map(({ name, y }) => {
      const left = name.point.x + extent + 8;
      /** @type {Place} */
      const place = { box: [left - 2, y - name.height / 2, left + name.width + 2, y + name.height / 2], far: Math.abs(y - name.point.y) > 5, side: 1 };
      return { name, place };
    });
  }

  #pathPoints() {
    const { states } = this.painter.scene.paths;
    const every = Math.max(1, Math.ceil(states.length / 2 / PATH_SAMPLES));
    /** @type {Point[]} */ const points = [];
    for (let i = 0; i < states.length / 2; i += every) points.push({ x: states[2 * i], y: states[2 * i + 1] });
    return points;
  }

  /**
   * While the view moves, names keep their side.
   * @param {Wanted[]} wanted
   */
  #carryNames(wanted) {
    const points = new Map(wanted.map(({ key, point }) => [key, point]));
    this.names = this.names.flatMap((name) => {
      const point = points.get(name.key);
      if (!point) return [];
      const dx = point.x - name.at.x, dy = point.y - name.at.y;
      const [left, top, right, bottom] = name.place.box;
      /** @type {Box} */ const box = [left + dx, top + dy, right + dx, bottom + dy];
      return [{ ...name, point, at: { x: point.x, y: point.y }, place: { ...name.place, box } }];
    });
  }

  /** @param {Wanted} wanted */
  #font({ weight, size }) {
    const { theme } = this.player;
    return theme.text(weight, size / theme.type);
  }

  /**
   * A name as a picture: it is drawn in each frame, more or less strongly.
   * @param {Measured} name @param {Place} place @param {number} density
   */
  #sprite(name, place, density) {
    const { theme } = this.player;
    const { lines, size, point, one } = name;
    const padding = 3, width = name.width + 2 * padding, height = name.height + 2 * padding;
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(width * density);
    canvas.height = Math.ceil(height * density);
    const sprite = Object.assign(canvas, { padding, wide: canvas.width / density, tall: canvas.height / density });
    const ctx = brush(sprite);
    ctx.scale(density, density);
    ctx.font = this.#font(name);
    ctx.direction = isRightToLeft(one.name) ? "rtl" : "ltr";
    ctx.textAlign = place.side < 0 ? "right" : place.side > 0 ? "left" : "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = css(theme.paper, 0.88);
    const dimmed = this.player.isDimmed(one);
    ctx.fillStyle = css(dimmed ? theme.grey : theme.ink, dimmed ? 0.7 : mix(0.5, 1, depthFade(point.size)));
    const x = place.side < 0 ? width - padding : place.side > 0 ? padding : width / 2;
    const middle = (/** @type {number} */ i) => padding + 1.5 + (size + 2) * (i + 0.5);
    lines.forEach((line, i) => ctx.strokeText(line, x, middle(i)));
    lines.forEach((line, i) => ctx.fillText(line, x, middle(i)));
    return sprite;
  }

  /**
   * All names, those under a head faded: names give way to heads.
   * @param {Disc[]} heads
   * @param {CanvasRenderingContext2D} ctx @param {Disc[]} heads @param {number} strength
   */
  drawNames(ctx, heads, strength) {
    for (const name of this.names) {
      const { place, sprite } = name;
      const area = heads.reduce((sum, one) => sum + covers(one, place.box), 0);
      name.covered = area;
      ctx.globalAlpha = strength * mix(1, FADED, clamp((area - TOUCHED) / (HIDDEN - TOUCHED), 0, 1));
      if (place.far) this.#drawLeader(ctx, name);
      ctx.drawImage(sprite, place.box[0] + 2 - sprite.padding, place.box[1] - sprite.padding, sprite.wide, sprite.tall);
    }
    ctx.globalAlpha = 1;
  }

  /**
   * A thin line from a mark to its name, where the name had to be set off.
   * @param {CanvasRenderingContext2D} ctx @param {Written} written
   */
  #drawLeader(ctx, { point, place: { box, side } }) {
    const middle = (box[1] + box[3]) / 2;
    const end = side ? { x: side > 0 ? box[0] : box[2], y: middle } : { x: (box[0] + box[2]) / 2, y: middle > point.y ? box[1] : box[3] };
    const gap = Math.hypot(end.x - point.x, end.y - point.y);
    const share = Math.min(1, this.starRadius / gap);
    ctx.strokeStyle = css(this.player.theme.ink, 0.45);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(mix(point.x, end.x, share), mix(point.y, end.y, share));
    ctx.lineTo(end.x, end.y);
    ctx.stroke();
  }
}
