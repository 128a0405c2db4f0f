// The training pictures nearest to an item in feature space, at the step that is shown.

import { numberText } from "./numbers.js";
import { css } from "./drawing.js";
import { el } from "./dom.js";

/**
 * One training picture, cut from the sheet; a coloured square where the aligner has none.
 * @param {Journey} journey @param {Neighbors} neighbors @param {Theme} theme @param {Neighbor} neighbor @param {number} side
 */
function neighborTile(journey, neighbors, theme, { picture, label, similarity }, side) {
  const { sheet, columns, tile } = neighbors;
  const center = journey.groups[label];
  const what = `${center.name}, cosine ${numberText(similarity)}`;
  const element = el("i", { class: "sp-tile", role: "img", title: what, "aria-label": what });
  element.style.setProperty("--sp-class", css(theme.tune(center.color)));
  element.style.width = element.style.height = `${side}px`;
  if (!sheet) return element;
  const zoom = side / tile;
  element.style.backgroundImage = `url(${sheet})`;
  element.style.backgroundSize = `${columns * tile * zoom}px auto`;
  element.style.backgroundPosition = `${-(picture % columns) * tile * zoom}px ${-Math.floor(picture / columns) * tile * zoom}px`;
  return element;
}

/**
 * Tiles of an item's neighbours at a step, nearest first; none where there are no neighbours.
 * @param {Player} player @param {number} item @param {number} step @param {number} side
 */
export function neighborTiles(player, item, step, side) {
  const { journey, theme } = player;
  const { neighbors } = journey;
  return neighbors ? neighbors.at(item, step).map((one) => neighborTile(journey, neighbors, theme, one, side)) : [];
}

/**
 * "4 of 6 are Coat, 2 Pullover"
 * @param {Journey} journey @param {Neighbor[]} all
 */
function neighborWords(journey, all) {
  /** @type {Map<number, number>} */ const counts = new Map();
  for (const { label } of all) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (counts.size === 1 && counts.has(journey.centers.length)) return "none of them of a category that is shown";
  const ranked = [...counts].sort((a, b) => b[1] - a[1]);
  return ranked.map(([label, count], i) => `${count}${i ? "" : ` of ${all.length}`} ${journey.groups[label].name}`).join(", ");
}

/** The card beside the map: neighbours of the item that was selected last. */
export class NeighborCard {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.tiles = el("div", { class: "sp-tiles" });
    this.words = el("p", { class: "sp-neighbor-words", "data-testid": "neighbor-words" });
    this.whose = el("span", { class: "sp-whose" });
    this.element = el(
      "div", { class: "sp-neighbors", "data-testid": "neighbors", hidden: true },
      el("h3", { class: "sp-side-title" }, el("span", { text: "Known pictures most alike", title: "Training pictures nearest in feature space" }), this.whose), this.tiles, this.words,
    );
  }

  showStep() {
    this.show();
  }

  restyle() {
    this.show();
  }

  /** For the item and the step that are shown now. */
  show() {
    const { journey, step, inspected } = this.player;
    const { neighbors } = journey;
    this.element.hidden = inspected < 0 || !neighbors;
    if (inspected < 0 || !neighbors) return;
    this.whose.textContent = journey.items[inspected].name;
    this.tiles.replaceChildren(...neighborTiles(this.player, inspected, step, 40));
    this.words.textContent = `Step ${step}: ${neighborWords(journey, neighbors.at(inspected, step))}`;
  }
}
