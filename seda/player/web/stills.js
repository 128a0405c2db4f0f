// Small multiples: the map at a few steps side by side, without any motion.

import { brush, el, fitCanvas } from "./dom.js";
import { MapPainter } from "./map.js";
import { View } from "./view.js";

/**
 * The steps where something happens, with their names: the start, the hand-over, where half have decided, the end.
 * @param {Journey} journey
 */
export function stillSteps(journey) {
  const { handOvers, decided, last, wording } = journey;
  const ends = [...handOvers, last];
  /** @type {[number, string][]} */
  const named = [[0, wording.start.still], ...ends.map((step, i) => /** @type {[number, string]} */ ([step, wording.stages[i].still]))];
  if (decided > 0 && !ends.includes(decided)) named.push([decided, "half have decided"]);
  return named.sort((a, b) => a[0] - b[0]).map(([step, name]) => ({ step, name }));
}

export class Stills {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.element = el("div", { class: "sp-stills", role: "group", "aria-label": "Still pictures of the journey", "data-testid": "stills", hidden: true });
    /** @type {Shown} a painter of its own, for a small view: all else is the player's */
    this.shown = Object.create(player, {
      view: { get: () => this.view }, hovered: { value: -1 }, invalidate: { value: () => this.invalidate() },
    });
    this.painter = new MapPainter(this.shown);
    /** @type {{step: number, canvas: HTMLCanvasElement, panel: HTMLElement}[]} */ this.panels = [];
    /** @type {Journey} */ this.journey;
    /** @type {View|undefined} */ this.view = undefined;
    /** @type {number|undefined} */ this.request = undefined;
  }

  /** @param {Journey} journey */
  load(journey) {
    this.journey = journey;
    this.panels = [];
    this.invalidate();
  }

  /** Two by two; below one another on narrow screens. */
  #layOut() {
    this.element.style.setProperty("--sp-columns", this.player.root.classList.contains("is-narrow") ? "1" : "2");
    this.panels = stillSteps(this.journey).map(({ step, name }) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      const caption = this.journey.caption(step);
      const panel = el(
        "button", { type: "button", class: "sp-still", title: caption, "aria-label": caption, "data-testid": "still", "data-step": step, on: { click: () => this.player.goTo(step) } },
        canvas, el("span", { text: `step ${step} · ${name}` }),
      );
      return { step, canvas, panel };
    });
    this.element.replaceChildren(...this.panels.map(({ panel }) => panel));
  }

  /** Draw again in the next frame, however often asked. */
  invalidate() {
    if (this.element.hidden) return;
    this.request ??= requestAnimationFrame(() => {
      this.request = undefined;
      this.draw();
    });
  }

  resize() {
    this.panels = [];
    this.invalidate();
  }

  draw() {
    if (this.element.hidden || !this.player.theme) return;
    if (this.painter.journey !== this.journey) this.painter.load(this.journey); // not before it is looked at
    if (!this.panels.length) this.#layOut();
    const box = this.panels[0].canvas.getBoundingClientRect();
    if (box.width < 2) return;
    const { map } = this.player.view;
    if (!this.view || this.view.map !== map || this.view.width !== box.width || this.view.height !== box.height) {
      this.view = new View(map);
      this.view.frame(box.width, box.height, { top: 2, bottom: 2 });
    }
    this.painter.resize(box.width, box.height);
    this.painter.drawBase(false, null);
    for (const { step, canvas } of this.panels) {
      this.painter.drawMoving(step);
      fitCanvas(canvas, box.width, box.height);
      const ctx = brush(canvas);
      ctx.drawImage(this.painter.moving, 0, 0);
    }
    this.showStep(this.player.step);
  }

  /**
   * Mark the panel that is nearest to a step.
   * @param {number} step
   */
  showStep(step) {
    if (this.element.hidden) return;
    const gaps = this.panels.map((panel) => Math.abs(panel.step - step));
    const nearest = gaps.indexOf(Math.min(...gaps));
    this.panels.forEach(({ panel }, i) => panel.setAttribute("aria-current", String(i === nearest)));
  }
}
