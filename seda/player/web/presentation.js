// Before an audience: the map alone fills the window, letters are larger, and the story stands below.

import { el } from "./dom.js";
import { storyLine } from "./story.js";

const POINTER_REST = 2500; // ms after which a pointer that does not move is taken away

export class Presentation {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.shown = false;
    this.story = el("p", { class: "sp-story", "data-testid": "story-line" });
    this.pointer = el("i", { class: "sp-pointer", "aria-hidden": "true" });
    this.black = el("div", { class: "sp-black", "data-testid": "black", hidden: true, on: { click: () => this.darken(false) } });
    /** @type {number|undefined} */ this.timer = undefined;
  }

  /** @param {Listen} on */
  listen(on) {
    on(this.player.root, "pointermove", (event) => this.#point(event));
  }

  /**
   * Begin or end.
   * @param {boolean} shown
   */
  show(shown) {
    const { player } = this;
    if (shown === this.shown || (!shown && this.player.options.kiosk)) return;
    this.shown = shown;
    if (!shown) this.darken(false);
    player.root.classList.toggle("is-presenting", shown);
    player.root.dataset.presenting = String(shown);
    player.transport.present.setAttribute("aria-pressed", String(shown));
    player.hover(null);
    player.layout.restyle();
    player.layout.resize();
    player.lastStep = -1;
    player.status.settle();
    // Before anything has the focus all keys reach the player; afterwards they do so from within it.
    if (shown) player.parts.mapStage.focus({ preventScroll: true });
  }

  /**
   * Nothing but black, so that the audience looks at who speaks; or back.
   * @param {boolean} [on]
   */
  darken(on = this.black.hidden) {
    if (on && !this.shown) return;
    this.black.hidden = !on;
    if (on) this.player.pause();
  }

  /** @param {number} step */
  showStep(step) {
    const { hidesAnswers } = this.player;
    if (this.shown) this.story.textContent = hidesAnswers ? "Where will each picture land?" : storyLine(this.player.journey, step, this.player.inspected);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (!this.shown || event.pointerType !== "mouse") return;
    const box = this.player.root.getBoundingClientRect();
    this.pointer.style.transform = `translate(${event.clientX - box.left}px, ${event.clientY - box.top}px)`;
    this.pointer.classList.add("is-shown");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pointer.classList.remove("is-shown"), POINTER_REST);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
