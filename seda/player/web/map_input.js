// Mouse, touch and pen on the map and on the curves.

import { clamp } from "./numbers.js";
import { Lasso } from "./lasso.js";

const CLICK = 4; // px that a pointer may travel and still be a click

/** @param {Element} stage @param {MouseEvent} event */
const localTo = (stage, event) => {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};
/** @param {MouseEvent} event */
const adds = (event) => event.shiftKey || event.ctrlKey || event.metaKey;

/** Wheel and pinch zoom, drag moves or turns, a click or a lasso selects. */
export class MapInput {
  /** @param {Player} player @param {Listen} on */
  constructor(player, on) {
    this.player = player;
    this.stage = player.parts.mapStage;
    this.lasso = new Lasso(this.stage);
    /** @type {Map<number, Point>} pointers that are down, and where */ this.pointers = new Map();
    this.travelled = 0;
    /** The item that is dragged to a word, while bets are asked for; -1 for none. */ this.dragged = -1;
    on(this.stage, "wheel", (event) => this.#wheel(event), { passive: false });
    on(this.stage, "pointerdown", (event) => this.#down(event));
    on(this.stage, "pointermove", (event) => this.#move(event));
    on(this.stage, "pointerup", (event) => this.#up(event));
    on(this.stage, "pointercancel", (event) => this.#cancel(event));
    // A finger that is lifted leaves too; what it has tapped stays named.
    on(this.stage, "pointerleave", (event) => event.pointerType === "mouse" && player.hover(null));
    on(this.stage, "dblclick", (event) => !this.#onControl(event) && player.camera.reset());
  }

  /** @param {Event} event */
  #onControl(event) {
    return event.target instanceof Element && event.target.closest("button");
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const { player } = this;
    // At the outermost view a wheel that zooms out scrolls the page, so that nobody is caught in the map.
    if (player.stillsShown || (event.deltaY > 0 && player.view.zoom <= 1)) return;
    event.preventDefault();
    const { x, y } = localTo(this.stage, event);
    player.camera.zoomBy(Math.exp(-clamp(event.deltaY, -120, 120) * (event.ctrlKey ? 0.012 : 0.0028)), x, y);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.player.stillsShown || this.#onControl(event) || event.button > 0) return;
    const point = localTo(this.stage, event);
    this.pointers.set(event.pointerId, point);
    this.travelled = 0;
    this.stage.setPointerCapture(event.pointerId);
    const hit = this.player.hidesAnswers ? this.player.map.hit(point.x, point.y) : null;
    this.dragged = hit?.kind === "item" ? hit.index : -1;
    if (this.pointers.size > 1) this.lasso.cancel();
    // Shift and drag is a lasso too, where it does not already move a solid map.
    else if (this.player.lassoing || (event.shiftKey && !this.player.hidesAnswers && !this.player.view.map.solid)) this.lasso.begin(point);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { player, pointers } = this;
    const now = localTo(this.stage, event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      const hidden = player.stillsShown || this.#onControl(event);
      if (event.pointerType === "mouse") player.hover(hidden ? null : player.map.hit(now.x, now.y));
      return;
    }
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (this.lasso.drawing) this.lasso.extend(now);
    else if (this.dragged >= 0) player.prediction.drag(this.dragged, now);
    else if (pointers.size === 1 && this.travelled > CLICK) player.camera.move(now.x - before.x, now.y - before.y, event.shiftKey);
    else if (pointers.size === 2) this.#pinch(event.pointerId, before, now);
    pointers.set(event.pointerId, now);
  }

  /** @param {number} moving @param {Point} before @param {Point} now */
  #pinch(moving, before, now) {
    const other = [...this.pointers].find(([id]) => id !== moving)?.[1];
    if (!other) return;
    const gap = Math.hypot(before.x - other.x, before.y - other.y) || 1;
    this.player.camera.zoomBy(Math.hypot(now.x - other.x, now.y - other.y) / gap, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const known = this.pointers.delete(event.pointerId);
    const inside = this.lasso.end();
    if (this.dragged >= 0) {
      this.player.prediction.drop(this.dragged, localTo(this.stage, event));
      this.dragged = -1;
    } else if (inside) {
      const { places } = this.player.map.heads;
      this.player.selectAll([...places.keys()].filter((item) => inside(places[item])), adds(event));
    } else if (known && this.travelled <= CLICK) {
      this.#click(localTo(this.stage, event), event);
    }
  }

  /** @param {PointerEvent} event */
  #cancel(event) {
    if (this.dragged >= 0) this.player.prediction.drag(-1, { x: 0, y: 0 });
    this.dragged = -1;
    this.pointers.delete(event.pointerId);
    this.lasso.cancel();
  }

  /** @param {Point} point @param {PointerEvent} event */
  #click({ x, y }, event) {
    const { player } = this;
    if (player.hidesAnswers) return;
    const hit = player.map.hit(x, y);
    if (hit?.kind === "item") player.select(hit.index, adds(event));
    else if (hit?.kind === "text") player.toggleHighlight(player.journey.classes[hit.index]);
    else if (hit?.kind === "center") player.toggleHighlight(player.journey.centers[hit.index]);
    else player.clearSelection();
    if (event.pointerType !== "mouse") player.hover(hit);
  }
}

/** A drag scrubs, a click goes to its step; a click or a lasso on the lines of items selects them. */
export class CurveInput {
  /** @param {Player} player @param {Listen} on */
  constructor(player, on) {
    this.player = player;
    this.stage = player.parts.curveStage;
    this.lasso = new Lasso(this.stage);
    /** @type {Point|null} where the pointer went down */ this.start = null;
    this.pressed = -1;
    this.scrubs = false;
    on(this.stage, "pointerdown", (event) => this.#down(event));
    on(this.stage, "pointermove", (event) => this.#move(event));
    on(this.stage, "pointerup", (event) => this.#up(event));
    on(this.stage, "pointercancel", () => this.#end());
    on(this.stage, "pointerleave", (event) => event.pointerType === "mouse" && player.hover(null));
  }

  /** @param {number} x */
  #seek(x) {
    this.player.clock.playing = false;
    this.player.seek(this.player.curves.positionAt(x));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > 0) return;
    const point = localTo(this.stage, event);
    this.stage.setPointerCapture(event.pointerId);
    this.start = point;
    /** The item whose line was pressed; it is selected unless the press becomes a drag. */
    this.pressed = this.player.lassoing ? -1 : this.player.curves.hit(point.x, point.y);
    /** Whether the pointer scrubs. A finger does only once it moves sideways: it may be about to scroll the page. */
    this.scrubs = !this.player.lassoing && this.pressed < 0 && event.pointerType === "mouse";
    if (this.player.lassoing) this.lasso.begin(point);
    else if (this.scrubs) this.#seek(point.x);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = localTo(this.stage, event);
    if (this.lasso.drawing) {
      this.lasso.extend(point);
    } else if (!this.start) {
      const item = event.pointerType === "mouse" ? this.player.curves.hit(point.x, point.y) : -1;
      this.stage.classList.toggle("is-over", item >= 0);
      this.player.hover(item < 0 ? null : { kind: "item", index: item, anchor: this.stage });
    } else if (this.scrubs || Math.abs(point.x - this.start.x) > CLICK) {
      this.scrubs = true;
      this.pressed = -1;
      this.#seek(point.x);
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const { player, start } = this;
    const lassoed = this.lasso.drawing;
    const inside = this.lasso.end();
    if (inside) player.selectAll(player.curves.itemsWithin(inside), adds(event));
    else if (start && !lassoed && this.pressed >= 0) player.select(this.pressed, adds(event));
    else if (start && !lassoed) {
      if (!this.scrubs) this.#seek(start.x); // a tap
      player.stepBy(0);
    }
    this.#end();
  }

  #end() {
    this.start = null;
    this.lasso.cancel();
  }
}
