// Small multiples: the map at a few steps side by side, without any motion.

import { clamp } from "./numbers.js";
import { el, fitCanvas } from "./dom.js";
import { MapPainter } from "./map.js";
import { View } from "./view.js";

const PANEL_HEIGHT = 115; // px: below that a map says nothing

/** Which states are shown: the start, then each stage from its noised state to its end, evenly. */
function stillSteps(count, handOver, last) {
  const spread = (from, to, size) => Array.from({ length: size }, (_, i) => Math.round(from + ((to - from) * i) / Math.max(1, size - 1)));
  const first = Math.floor((count - 1) / 2);
  return [...new Set([0, ...spread(1, handOver, first), ...spread(handOver + 1, last, count - 1 - first)])];
}

export class Stills {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.element = el("div", { class: "sp-stills", role: "group", "aria-label": "Still pictures of the journey", "data-testid": "stills", hidden: true });
    /** A painter of its own, for a small view: all else is the player's. */
    this.shown = Object.create(player, {
      view: { get: () => this.view }, hovered: { value: -1 }, invalidate: { value: () => this.invalidate() },
    });
    this.painter = new MapPainter(this.shown);
    this.panels = [];
  }

  /** @param {Journey} journey */
  load(journey) {
    this.journey = journey;
    this.panels = [];
    this.invalidate();
  }

  /** As many panels as fit: two columns on narrow screens. */
  #layOut() {
    const { width, height } = this.element.getBoundingClientRect();
    const narrow = this.player.root.classList.contains("is-narrow");
    const columns = narrow ? 2 : width < 900 ? 3 : 4;
    // On narrow screens the panels take what height they need.
    const rows = narrow ? 3 : clamp(Math.round((height / width) * columns * 1.15), 1, Math.max(1, Math.floor(height / PANEL_HEIGHT)));
    const steps = stillSteps(Math.min(columns * rows, this.journey.stateCount), this.journey.handOver, this.journey.last);
    this.element.style.setProperty("--sp-columns", String(columns));
    this.panels = steps.map((step) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      const caption = this.journey.caption(step);
      const panel = el(
        "button", { type: "button", class: "sp-still", title: caption, "aria-label": caption, "data-testid": "still", "data-step": step, on: { click: () => this.player.goTo(step) } },
        canvas, el("span", { text: this.journey.shortCaption(step) }),
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
    if (this.view?.map !== map || this.view.width !== box.width || this.view.height !== box.height) {
      this.view = new View(map);
      this.view.frame(box.width, box.height, { top: 2, bottom: 2 });
      this.painter.landmarks.forgetPlaces();
    }
    this.painter.resize(box.width, box.height);
    this.painter.drawBase(false, null);
    for (const { step, canvas } of this.panels) {
      this.painter.drawMoving(step, true);
      fitCanvas(canvas, box.width, box.height);
      const ctx = canvas.getContext("2d");
      ctx.drawImage(this.painter.moving, 0, 0);
    }
    this.showStep(this.player.step);
  }

  /** Mark the panel that is nearest to a step. */
  showStep(step) {
    const gaps = this.panels.map((panel) => Math.abs(panel.step - step));
    const nearest = gaps.indexOf(Math.min(...gaps));
    this.panels.forEach(({ panel }, i) => panel.setAttribute("aria-current", String(i === nearest)));
  }
}
