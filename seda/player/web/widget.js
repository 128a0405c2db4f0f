// The player as a widget of a notebook, by anywidget: one more place where it stands. Step, selection and map are traits of
// seda/player/widget.py: told once things have come to rest, and obeyed when Python sets them.

import { Player } from "./player_state.js";

/** @typedef {{step: number, selection: number[], map: string}} Traits  those that go both ways */
/**
 * @typedef {{get: (name: string) => any, set: (name: string, value: unknown) => void, save_changes: () => void,
 *   on: (event: string, listener: () => void) => void, off: (event: string, listener: () => void) => void}} Model  anywidget's
 */

/** Links one player with one model, for as long as it is on the page. */
export class NotebookLink {
  /** @param {Model} model @param {ParentNode} host */
  constructor(model, host) {
    this.model = model;
    /** Whether a change comes from the player itself. */ this.telling = false;
    const payload = JSON.parse(model.get("_payload"));
    this.player = new Player(host, payload, { start: this.#start(payload), among: true, report: (state) => this.#tell(state) });
    /** @type {[string, () => void][]} */
    this.listeners = [
      ["change:step", this.#obeying(() => this.player.goTo(model.get("step")))],
      ["change:selection", this.#obeying(() => this.#select(model.get("selection")))],
      ["change:map", this.#obeying(() => this.player.showMap(this.player.journey.maps.findIndex((map) => map.name === model.get("map"))))],
    ];
    for (const [event, listener] of this.listeners) model.on(event, listener);
  }

  /**
   * Where it stood when it was looked at last, or what Python asks for; null where it plays from the beginning.
   * @param {Payload} payload @returns {ViewState|null}
   */
  #start(payload) {
    /** @type {Traits} */
    const { step, selection, map } = { step: this.model.get("step"), selection: this.model.get("selection"), map: this.model.get("map") };
    const first = payload.maps[0].name;
    return step || selection.length || map !== first ? { step, selection, map, stills: false } : null;
  }

  /** @param {ViewState} state */
  #tell({ step, selection, map }) {
    this.telling = true;
    for (const [name, value] of Object.entries({ step, selection, map })) {
      // a list that is equal is no change
      if (JSON.stringify(this.model.get(name)) !== JSON.stringify(value)) this.model.set(name, value);
    }
    this.model.save_changes();
    this.telling = false;
  }

  /**
   * What is done when somebody else has changed a trait.
   * @param {() => void} action
   */
  #obeying(action) {
    return () => {
      if (!this.telling) action();
    };
  }

  /** @param {number[]} items */
  #select(items) {
    if (items.length) this.player.selectAll(items);
    else this.player.clearSelection();
  }

  /** The widget is taken away. */
  end() {
    for (const [event, listener] of this.listeners) this.model.off(event, listener);
    this.player.destroy();
  }
}

/**
 * anywidget's entrance, called for each place that shows the widget. The player stands in a tree of its own, which the notebook's
 * styles do not reach; what it takes over of the notebook's look is in widget.css.
 * @param {{model: Model, el: HTMLElement}} place
 */
function renderWidget(place) {
  const { model } = place;
  const host = document.createElement("div");
  host.className = "sp-notebook";
  host.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the keys to the player while it has the focus
  host.style.setProperty("--sp-height", `${model.get("height")}px`);
  const inside = host.attachShadow({ mode: "open" });
  const sheet = document.createElement("style");
  sheet.textContent = model.get("_sheet");
  inside.append(sheet);
  place.el.append(host);
  /** @type {NotebookLink|undefined} */
  let link;
  // JupyterLab puts the place on its page later, and a player takes its colours from the page that it stands on.
  const seen = new ResizeObserver(() => {
    if (!host.isConnected) return;
    seen.disconnect();
    link = new NotebookLink(model, inside);
  });
  seen.observe(host);
  return () => {
    seen.disconnect();
    link?.end();
  };
}

export default { render: renderWidget };
