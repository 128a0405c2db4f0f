// The items as a strip of cards.

import { el } from "./dom.js";
import { answerOf } from "./item_color.js";
import { missedBy } from "./truth.js";

export class Gallery {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    this.element = el("div", { class: "sp-gallery", role: "group", "aria-label": "Items: press to select", "data-testid": "gallery" });
    /** @type {HTMLElement[]} */ this.cards = [];
  }

  /** @param {Journey} journey */
  load(journey) {
    this.cards = journey.items.map((item, index) => this.#card(item, index, answerOf(journey, index)));
    this.element.replaceChildren(...this.cards);
  }

  /** @param {Item} item @param {number} index @param {Styled|null} answer */
  #card(item, index, answer) {
    const { player } = this;
    const missed = missedBy(player.journey, index);
    const picture = item.thumbnail ? el("img", { src: item.thumbnail, alt: "", draggable: "false" }) : el("span", { class: "sp-no-picture" });
    /** @type {HTMLButtonElement} */
    const card = el(
      "button",
      {
        type: "button", class: "sp-card", "aria-pressed": "false", title: item.name, "data-testid": "gallery-card", "data-index": index,
        on: {
          click: (event) => (event.shiftKey ? player.selectRange(index) : player.select(index, event.ctrlKey || event.metaKey)),
          pointerenter: (event) => event.pointerType === "mouse" && player.hover({ kind: "item", index, anchor: card }),
          pointerleave: () => player.hover(null),
          focus: () => card.matches(":focus-visible") && player.hover({ kind: "item", index, anchor: card }),
          blur: () => player.hover(null),
        },
      },
      picture,
      el("span", { class: "sp-card-text" }, el("span", { class: "sp-card-name", text: item.name }), el("span", { class: "sp-card-answer", text: answer ? (item.hint ? `${answer.name}? or ${item.hint}` : answer.name) : "" }),
        missed && el("span", { class: "sp-truth", text: `truth: ${missed.name}` })),
    );
    if (answer) card.style.setProperty("--sp-class", answer.color);
    return card;
  }

  /** @param {Set<number>} selection */
  showSelection(selection) {
    this.cards.forEach((card, index) => {
      card.setAttribute("aria-pressed", String(selection.has(index)));
      card.classList.toggle("is-grey", selection.size > 0 && !selection.has(index));
    });
    if (selection.size) this.#reveal(this.cards[Math.max(...selection)]);
  }

  /**
   * Bring a card of the strip into sight without moving the page, as scrollIntoView would.
   * @param {HTMLElement} card
   */
  #reveal(card) {
    const { element } = this;
    const left = card.offsetLeft - element.offsetLeft, right = left + card.offsetWidth;
    if (left < element.scrollLeft) element.scrollLeft = left - 12;
    else if (right > element.scrollLeft + element.clientWidth) element.scrollLeft = right - element.clientWidth + 12;
  }
}
