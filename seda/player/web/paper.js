// Where the player's map is drawn without a page: pictures on paper and frames of a film. The host gives a canvas to draw on;
// geometry, colours and words are those of the player.

import { css, symbolPath, Theme } from "./drawing.js";
import { brush } from "./dom.js";
import { Clock } from "./clock.js";
import { addFlag, paintFlags } from "./flags.js";
import { fitText, isRightToLeft, wrap } from "./labels.js";
import { styleKey } from "./legend.js";
import { MapPainter } from "./map.js";
import { Journey } from "./payload.js";
import { stillSteps } from "./stills.js";
import { STRAY, wrongText } from "./truth.js";
import { paintWrong, strokeTether } from "./truth_mark.js";
import { View } from "./view.js";

/**
 * @typedef {{width: number, height: number, map: string, selection: number[], captions: boolean, panels: number, insets: [number, number], filled: number}} Sheet
 *   size in px of the page; map: its name, empty for the first; captions: title, step and legend around the picture; panels: still pictures
 *   side by side, 0 for one that fills the sheet; insets: px above and below that the map leaves free;
 *   filled: share of their room that title and story may take, where another font may be wider
 * @typedef {{x: number, y: number, width: number, height: number}} Room
 */

const MARGIN = 20; // px around everything, where there are captions
const GAP = 14; // px between panels
const LINE = 19; // px of a line of the legend
const TITLE = 650, PLAIN = 450, STRONG = 550; // weights
const MOST_NAMES = 60; // in a legend

/** One sheet: a journey on one map, at any step. */
export class Paper {
  /** @param {Payload} payload @param {HTMLElement} root whose colours are taken @param {Sheet} sheet */
  constructor(payload, root, sheet) {
    this.sheet = sheet;
    this.journey = new Journey(payload);
    this.theme = new Theme(root);
    this.canvas = document.createElement("canvas");
    this.canvas.width = sheet.width;
    this.canvas.height = sheet.height;
    /** @type {Set<number>} */ this.selection = new Set(sheet.selection);
    this.hovered = -1;
    /** @type {string|null} */ this.highlight = null;
    this.trust = this.ghostShown = this.seedsShown = true;
    const map = this.journey.maps.find(({ name }) => name === sheet.map) ?? this.journey.maps[0];
    this.view = new View(map);
    this.painter = new MapPainter(this);
    this.painter.load(this.journey);
    this.framed = false;
  }

  invalidate() {} // nothing changes by itself

  /** @param {number} item */
  isVivid(item) {
    return this.selection.size === 0 || this.selection.has(item);
  }

  /** @param {Styled} one */
  isDimmed(one) {
    return this.highlight !== null && this.highlight !== styleKey(one);
  }

  /**
   * Positions of a film: as the player's clock goes, rests included, once from the start to the end of the last rest.
   * @param {number} fps frames a second @param {number} seconds of all; 0: as long as the player takes
   * @returns {number[]}
   */
  positions(fps, seconds) {
    const clock = new Clock(this.journey.last, this.journey.handOvers);
    clock.loop = true;
    const round = clock.round;
    const all = seconds || round;
    clock.speed = round / all;
    clock.play();
    const positions = [0];
    while (positions.length < Math.round(fps * all)) {
      const before = clock.position;
      clock.tick(1 / fps);
      positions.push(Math.max(before, clock.position)); // rounding may begin the next round a frame too early
      clock.position = positions[positions.length - 1];
    }
    return positions;
  }

  /** Widths of texts are known better now: everything takes its place anew. */
  renew() {
    this.framed = false;
  }

  /**
   * Draw the sheet at a position.
   * @param {number} position
   */
  draw(position) {
    this.canvas.width = this.sheet.width; // begins anew
    const ctx = brush(this.canvas);
    ctx.fillStyle = css(this.theme.paper);
    ctx.fillRect(0, 0, this.sheet.width, this.sheet.height);
    if (this.sheet.panels) this.#drawPanels(ctx);
    else this.#drawOne(ctx, position);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} position */
  #drawOne(ctx, position) {
    const { sheet } = this;
    if (!sheet.captions) {
      this.#drawMap(ctx, { x: 0, y: 0, width: sheet.width, height: sheet.height }, position, 0);
      return;
    }
    const room = this.#drawAround(ctx, this.journey.caption(Math.round(position)));
    this.#drawMap(ctx, room, position, 12);
  }

  /** @param {CanvasRenderingContext2D} ctx */
  #drawPanels(ctx) {
    const { sheet, theme, journey } = this;
    const room = sheet.captions ? this.#drawAround(ctx, `${journey.counted(journey.items.length)} · ${journey.last} steps · ${this.view.map.label}`) : { x: GAP, y: GAP, width: sheet.width - 2 * GAP, height: sheet.height - 2 * GAP };
    const columns = room.width > room.height || sheet.panels === 4 ? Math.ceil(sheet.panels / 2) : 2, rows = Math.ceil(sheet.panels / columns);
    const width = (room.width - GAP * (columns - 1)) / columns, height = (room.height - GAP * (rows - 1)) / rows;
    const foot = sheet.captions ? 26 : 0;
    panelSteps(journey, sheet.panels).forEach(({ step, name }, i) => {
      const x = room.x + (i % columns) * (width + GAP), y = room.y + Math.floor(i / columns) * (height + GAP);
      this.#drawMap(ctx, { x, y, width, height: height - foot }, step, 12);
      if (!foot) return;
      ctx.fillStyle = css(theme.ink);
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      ctx.font = `${STRONG} 15px ${theme.font}`;
      ctx.fillText(fitText(ctx, `step ${step} · ${name}`, width), x + 2, y + height - foot / 2 + 2);
    });
  }

  /**
   * The map in its room, with round corners of a radius and a line around it.
   * @param {CanvasRenderingContext2D} ctx @param {Room} room @param {number} position @param {number} corner
   */
  #drawMap(ctx, { x, y, width, height }, position, corner) {
    if (!this.framed) {
      this.framed = true;
      const [top, bottom] = this.sheet.insets;
      this.view.frame(width, height, { top, bottom });
      this.painter.resize(width, height);
      this.painter.drawBase(false, null);
    }
    this.painter.moving.width = this.painter.base.width; // begins anew
    this.painter.drawMoving(position);
    ctx.save();
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, corner);
    ctx.clip();
    ctx.drawImage(this.painter.moving, x, y);
    ctx.restore();
    if (!corner) return;
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, corner);
    ctx.lineWidth = 1;
    ctx.strokeStyle = css(this.theme.ink, 0.14);
    ctx.stroke();
  }

  /**
   * Title and a caption on top, below it what to look at, at the foot the legend.
   * @param {CanvasRenderingContext2D} ctx @param {string} caption
   * @returns {Room} what is left between them
   */
  #drawAround(ctx, caption) {
    const { sheet, theme, journey } = this;
    const right = sheet.width - MARGIN;
    ctx.textBaseline = "middle";
    ctx.font = `${STRONG} 15px ${theme.font}`;
    // Room for the widest caption: the title must not move while the caption changes.
    const widest = Math.max(ctx.measureText(caption).width, ...Array.from({ length: journey.stateCount }, (_, step) => ctx.measureText(journey.caption(step)).width));
    const below = sheet.width - 2 * MARGIN - widest < 260; // narrow: the caption stands under the title
    ctx.fillStyle = css(theme.ink);
    ctx.textAlign = below ? "left" : "right";
    ctx.fillText(fitText(ctx, caption, sheet.width - 2 * MARGIN), below ? MARGIN : right, below ? 54 : 30);
    ctx.font = `${TITLE} 20px ${theme.font}`;
    this.#line(ctx, journey.title, MARGIN, 28, (sheet.width - 2 * MARGIN - (below ? 0 : widest + 24)) * sheet.filled);
    let top = below ? 74 : 50;
    if (journey.note) {
      ctx.font = `${PLAIN} 14px ${theme.font}`;
      ctx.fillStyle = css(theme.muted);
      const room = (sheet.width - 2 * MARGIN) * sheet.filled;
      for (const line of wrap(ctx, journey.note, room)) {
        this.#line(ctx, line, MARGIN, top + 8, room);
        top += LINE;
      }
      top += 6;
    }
    const foot = this.#drawLegend(ctx);
    return { x: MARGIN, y: top, width: sheet.width - 2 * MARGIN, height: foot - top };
  }

  /**
   * A text that begins at the left of its room, or at the right where it is written from there.
   * @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y @param {number} room
   */
  #line(ctx, text, x, y, room) {
    const backward = isRightToLeft(text);
    ctx.textAlign = backward ? "right" : "left";
    ctx.direction = backward ? "rtl" : "ltr";
    ctx.fillText(fitText(ctx, text, room), backward ? x + room : x, y);
    ctx.direction = "ltr";
  }

  /**
   * The words with their shapes and colours, and what the shapes on the map are; from the foot upward.
   * @param {CanvasRenderingContext2D} ctx @returns {number} where it begins
   */
  #drawLegend(ctx) {
    const { sheet, theme, journey } = this;
    const { classes } = journey;
    ctx.font = `${PLAIN} 13px ${theme.font}`;
    const most = sheet.width - 2 * MARGIN;
    /** @type {{symbol: string, color: Color, text: string, flag?: number}[]} */
    const entries = classes.slice(0, MOST_NAMES).map((one) => ({ symbol: one.symbol, color: theme.tune(one.color), text: fitText(ctx, one.name, 220) }));
    if (classes.length > MOST_NAMES) entries.push({ symbol: "", color: theme.muted, text: `and ${classes.length - MOST_NAMES} more` });
    for (const one of journey.kinds.slice(0, MOST_NAMES)) entries.push({ symbol: one.symbol, color: theme.tune(one.color), text: fitText(ctx, one.name, 220) });
    const marks = [["star", journey.wording.text, classes.length], ["diamond", "category", journey.centers.length], ["circle", journey.wording.known, journey.referenceLabels.length]];
    for (const [symbol, text, count] of /** @type {[string, string, number][]} */ (marks)) if (count) entries.push({ symbol, color: theme.muted, text });
    for (const [flag, text] of /** @type {[number, string][]} */ ([[1, "the map exaggerates"], [-1, "the map hides a jump"]])) {
      if (this.view.map.flags.includes(flag)) entries.push({ symbol: "flag", color: theme.muted, text, flag });
    }
    if (this.view.map.strays.length) entries.push({ symbol: "tether", color: theme.muted, text: STRAY });
    const wrong = wrongText(journey);
    if (wrong) entries.push({ symbol: "wrong", color: theme.muted, text: wrong });
    /** @type {{x: number, row: number, entry: typeof entries[0]}[]} */ const places = [];
    let x = 0, row = 0;
    for (const entry of entries) {
      const width = symbolWidth(entry) + 2 + ctx.measureText(entry.text).width + 18;
      if (x > 0 && x + width - 18 > most) [x, row] = [0, row + 1];
      places.push({ x, row, entry });
      x += width;
    }
    const top = sheet.height - MARGIN + 6 - LINE * (row + 1);
    for (const { x: left, row: at, entry } of places) {
      const y = top + LINE * (at + 0.5), begin = MARGIN + left;
      ctx.fillStyle = css(entry.color);
      if (entry.flag) {
        drawFlagKey(ctx, theme, entry.flag, begin, y);
      } else if (entry.symbol === "wrong") {
        paintWrong(ctx, theme, begin + 6, y, 5.5);
      } else if (entry.symbol === "tether") {
        ctx.strokeStyle = css(theme.muted);
        strokeTether(ctx, { x: begin, y }, { x: begin + 16, y });
      } else if (entry.symbol) {
        ctx.beginPath();
        symbolPath(ctx, entry.symbol, begin + 6, y, 5);
        ctx.fill();
      }
      ctx.fillStyle = css(theme.muted);
      ctx.textAlign = "left";
      ctx.fillText(entry.text, begin + symbolWidth(entry), y);
    }
    return top - 8;
  }
}

/**
 * Room that an entry's symbol takes, with the gap behind it, px.
 * @param {{symbol: string, flag?: number}} entry
 */
function symbolWidth({ symbol, flag }) {
  if (!symbol) return 0;
  return flag || symbol === "tether" ? 22 : 16;
}

/**
 * A mark on a line, as on the paths.
 * @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {number} flag @param {number} x @param {number} y
 */
function drawFlagKey(ctx, theme, flag, x, y) {
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x + 17, y);
  ctx.lineWidth = 1.8;
  ctx.strokeStyle = css(theme.muted);
  ctx.stroke();
  const breaks = new Path2D(), rings = new Path2D();
  addFlag(flag > 0 ? breaks : rings, flag, x + 8.5, y, 0);
  paintFlags(ctx, theme, breaks, rings);
}

/**
 * So many steps for panels: those where something happens, then the middles of what lies longest between two of them.
 * @param {Journey} journey @param {number} count @returns {{step: number, name: string}[]}
 */
function panelSteps(journey, count) {
  const steps = stillSteps(journey);
  while (steps.length < Math.min(count, journey.stateCount)) {
    const gaps = steps.slice(1).map(({ step }, i) => step - steps[i].step);
    const widest = gaps.indexOf(Math.max(...gaps));
    const step = Math.round((steps[widest].step + steps[widest + 1].step) / 2);
    steps.splice(widest + 1, 0, { step, name: journey.stageWords(step)?.way ?? "" });
  }
  return steps.slice(0, count);
}
