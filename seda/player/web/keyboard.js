// What the keyboard does.

import { styleKey } from "./legend.js";

// At a stand: what plays and moves. All else would leave the next visitor another picture, or none.
const AT_A_STAND = new Set([" ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", "Escape", "h", "m", "+", "-", "0"]);

/** Keys of the whole player; a control that has the focus keeps its own. */
export class Keyboard {
  /** @param {Player} player @param {Listen} on */
  constructor(player, on) {
    this.player = player;
    on(player.root, "keydown", (event) => this.#onKey(event));
    // Before anything on the page has the focus, keys are for the player.
    if (!player.options.among) on(document, "keydown", (event) => event.composedPath()[0] === document.body && this.#onKey(event));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { player } = this;
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
    const pressed = target instanceof HTMLButtonElement || (target instanceof HTMLElement && target.tagName === "SUMMARY");
    const onScrub = target === player.transport.scrub;
    /** @type {Object<string, [number, number]>} */
    const turns = { ArrowRight: [14, 0], ArrowLeft: [-14, 0], ArrowUp: [0, -14], ArrowDown: [0, 14] };
    if (event.shiftKey && turns[event.key]) {
      event.preventDefault();
      player.moveMap(...turns[event.key]);
      return;
    }
    /** @type {Object<string, (() => void)|null>} */
    const actions = {
      " ": pressed ? null : () => player.toggle(),
      ArrowRight: () => player.stepBy(1),
      ArrowLeft: () => player.stepBy(-1),
      ArrowUp: onScrub ? () => player.stepBy(1) : null,
      ArrowDown: onScrub ? () => player.stepBy(-1) : null,
      PageUp: onScrub ? () => player.stepBy(5) : player.lesson.on ? () => player.lesson.go(player.lesson.index - 1) : null,
      PageDown: onScrub ? () => player.stepBy(-5) : player.lesson.on ? () => player.lesson.go(player.lesson.index + 1) : null,
      Enter: pressed || !player.lesson.on ? null : () => player.lesson.go(player.lesson.index + 1),
      ...(player.lesson.on ? Object.fromEntries([1, 2, 3, 4].map((key) => [key, () => player.lesson.choose(key - 1)])) : {}),
      Home: () => player.goTo(0),
      End: () => player.goTo(player.journey.last),
      h: () => player.goTo(player.journey.handOvers.find((step) => step > player.step) ?? player.journey.handOver),
      "+": () => player.camera.zoomBy(1.4),
      "-": () => player.camera.zoomBy(1 / 1.4),
      0: () => player.camera.reset(),
      m: () => player.showMap((player.mapIndex + 1) % player.journey.maps.length),
      t: () => player.layout.toggleTrust(),
      f: () => player.layout.toggleFullScreen(),
      w: () => player.camera.follow(!player.camera.following),
      c: () => player.layout.toggleSide(),
      g: () => player.toggleGhost(),
      l: () => player.toggleLasso(),
      p: () => player.presentation.show(!player.presentation.shown),
      b: player.presentation.shown ? () => player.presentation.darken() : null,
      n: player.lesson.on ? () => player.lesson.go(player.lesson.index + 1) : player.options.next ?? null,
      q: player.lesson.on || player.parts.predict.hidden ? null : () => player.prediction.start(),
      s: player.lesson.on ? null : () => player.showStills(!player.stillsShown),
      Escape: () => this.#escape(),
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = player.options.kiosk && !AT_A_STAND.has(key) ? null : actions[key];
    // A key that is held repeats where it moves something, and never switches to and fro.
    if (!action || (event.repeat && !/^(Arrow|Page|[+-])/.test(event.key))) return;
    event.preventDefault();
    action();
  }

  #escape() {
    const { player } = this;
    player.hover(null);
    if (!player.presentation.black.hidden) return player.presentation.darken(false);
    if (player.lassoing) player.toggleLasso();
    const highlighted = player.legend.rows.find(({ style }) => styleKey(style) === player.highlight);
    if (highlighted) player.toggleHighlight(highlighted.style);
    const plain = !highlighted && player.selection.size === 0;
    player.clearSelection();
    if (plain) player.presentation.show(false);
  }
}
