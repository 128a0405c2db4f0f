// Where the player stands, in words: told to Python, to the page's address, to screen readers, and above the curves.

import { missedBy } from "./truth.js";

const MOST_LISTED = 64; // selected items in an address

/** Tells others once things have come to rest. */
export class Status {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** What was told last. */ this.reported = "";
    /** When screen readers were told last, ms. */ this.announced = 0;
    /** @type {number|undefined} */ this.timer = undefined;
  }

  /** Tell Python, the address and screen readers once things have come to rest. */
  settle() {
    const { player } = this;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const resting = !player.clock.playing && player.glide === null;
      if (resting) this.announce(true);
      // While it plays only what else has changed is reported, with the step that it will rest at.
      const state = {
        step: resting ? player.step : player.journey.last, selection: [...player.selection].sort((a, b) => a - b),
        map: player.view.map.name, stills: player.stillsShown, present: player.presentation.shown,
      };
      const text = JSON.stringify(state);
      if (player.options.address) this.#writeAddress(state, resting);
      if (text === this.reported) return;
      this.reported = text;
      player.options.report?.({ ...state, fingerprint: player.journey.fingerprint });
    }, 280);
  }

  /**
   * Where the player stands, in the page's address: a link to a step that it rests at opens at that step, the last one too.
   * @param {ViewState} state @param {boolean} resting
   */
  #writeAddress({ step, selection, map, stills, present }, resting) {
    const { journey } = this.player;
    const parts = {
      map: map === journey.maps[0].name ? "" : map,
      step: resting ? step : "",
      selected: selection.slice(0, MOST_LISTED).join(","),
      stills: stills ? 1 : "",
      present: present ? 1 : "",
      scene: this.player.lesson.on ? this.player.lesson.index + 1 : "",
    };
    const url = new URL(window.location.href);
    for (const [name, value] of Object.entries(parts)) {
      if (value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, String(value));
    }
    if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  }

  /** Tell screen readers; while it plays not more often than they can speak. */
  announce(now = false) {
    const { player } = this;
    const time = performance.now();
    if (!now && time - this.announced < 4000) return;
    this.announced = time;
    const playing = player.clock.playing ? "playing, " : "";
    const about = [player.stillsShown ? "stills" : "", player.view.map.label, player.selection.size ? `${player.selection.size} selected` : ""];
    player.parts.live.textContent = [playing + player.journey.caption(player.step), ...about].filter(Boolean).join(", ");
  }

  /**
   * The sentences above the curves.
   * @param {number[]} shown
   */
  describeCurves(shown) {
    const { player } = this;
    const { items, classes, curveClasses } = player.journey;
    if (!classes.length) return;
    const nouns = player.journey.nouns(shown.length);
    const whose = shown.length === 1 ? items[shown[0]].name : player.selection.size ? `mean of ${shown.length} selected ${nouns}` : `mean of all ${shown.length} ${nouns}`;
    player.parts.curveWhose.textContent = whose;
    const kept = curveClasses.length < classes.length ? ` Curves of the nearest ${curveClasses.length} of ${classes.length} words.` : "";
    const missed = shown.length === 1 ? missedBy(player.journey, shown[0]) : null;
    const truth = missed ? ` Truth: “${missed.name}”, answer: “${classes[items[shown[0]].answer].name}”.` : "";
    player.parts.commitment.textContent = (shown.length === 1 ? this.#oneCommitment(shown[0]) : this.#allCommitments(shown)) + truth + kept;
    player.parts.curveStage.setAttribute(
      "aria-label", `How near to each word, step by step, ${whose}. ${player.parts.commitment.textContent}`,
    );
  }

  /** @param {number} index */
  #oneCommitment(index) {
    const { player } = this;
    const item = player.journey.items[index];
    const winner = player.journey.classes[item.nearest].name;
    const cloud = player.journey.seedClouds.get(index);
    const seeds = cloud ? ` ${cloud.short}.` : "";
    if (item.commitment === 0) return `Nearest to “${winner}” from the start.${seeds}`;
    return `Decided at step ${item.commitment}: “${winner}” stays nearest from there.${seeds}`;
  }

  /** @param {number[]} shown */
  #allCommitments(shown) {
    const steps = shown.map((index) => this.player.journey.items[index].commitment).sort((a, b) => a - b);
    const middle = steps[Math.floor(steps.length / 2)];
    const when = steps[0] === steps.at(-1) ? `at step ${middle}` : `between steps ${steps[0]} and ${steps.at(-1)}, half of them by step ${middle}`;
    return `The ${this.player.journey.nouns(2)} decide for a word ${when}. Select one to follow it.`;
  }

  stop() {
    clearTimeout(this.timer);
  }
}
