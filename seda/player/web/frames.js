// What is drawn in a frame, and in which order: first time and view move on, then the map, the curves, texts and controls.

import { clamp } from "./numbers.js";

const MORPH_SECONDS = 0.6;
const NAMES_SHARE = 0.3; // of those seconds, for names to fade in afterwards

/** Draws when something has changed, and goes on while something moves. */
export class Frames {
  /** @param {Player} player */
  constructor(player) {
    this.player = player;
    /** Whether the layers that do not move have to be drawn again. */ this.mapDirty = this.curvesDirty = false;
    /** The request for a frame, 0 for none. */ this.request = 0;
    /** When the last frame was, 0 where time does not run on from it; and the legend's, ms. */ this.last = this.legendShown = 0;
  }

  /** Ask for a frame; `still` also redraws the layers that do not move. */
  ask(still = false) {
    this.mapDirty ||= still;
    this.curvesDirty ||= still;
    this.request ||= requestAnimationFrame((now) => this.#frame(now));
  }

  /** @param {number} now */
  #frame(now) {
    const { player } = this;
    this.request = 0;
    if (player.destroyed || !player.theme) return;
    if (!player.root.isConnected) {
      this.last = 0;
      return;
    }
    const seconds = this.last ? Math.min(0.1, (now - this.last) / 1000) : 0;
    this.last = now;
    const wasPlaying = player.clock.playing;
    player.clock.tick(seconds);
    const moving = [this.#glideOn(seconds), player.camera.moveOn(seconds), this.#morphOn(seconds)].includes(true);
    if (wasPlaying && !player.clock.playing) player.status.settle();
    // With reduced motion nothing slides: the picture changes from state to state.
    const position = player.motion.matches ? player.clock.step : player.clock.position;
    const following = player.camera.followOn(seconds, position);
    if (!player.stillsShown) this.#drawMap(position, now);
    if (this.curvesDirty) player.curves.drawBase();
    this.curvesDirty = false;
    // While it plays, curves and controls follow in every second frame: half of a frame's cost is theirs.
    const ended = player.root.dataset.playing !== String(player.clock.playing);
    if (!player.clock.playing || ended || player.framesDrawn % 2 === 0) {
      player.curves.drawMoving(position);
      this.#showState(position, now);
    }
    player.framesDrawn += 1;
    if (player.clock.playing || moving || following) this.ask();
    else this.last = 0;
  }

  /** @param {number} position @param {number} now */
  #drawMap(position, now) {
    const { player } = this;
    if (this.mapDirty) player.map.drawBase(now < player.camera.movingUntil, player.morph);
    this.mapDirty = false;
    player.map.drawMoving(position, player.morph);
  }

  /** @param {number} seconds */
  #glideOn(seconds) {
    const { player } = this;
    if (player.glide === null) return false;
    const gap = player.glide - player.clock.position;
    if (Math.abs(gap) < 0.02) {
      player.clock.position = player.glide;
      player.glide = null;
      player.status.settle();
      return false;
    }
    player.clock.position += gap * Math.min(1, Math.max(seconds, 0.008) * 16);
    return true;
  }

  /** @param {number} seconds */
  #morphOn(seconds) {
    const { morph } = this.player;
    if (!morph) return false;
    morph.share += Math.max(seconds, 0.008) / MORPH_SECONDS;
    const share = Math.min(1, morph.share);
    morph.ease = share ** 2 * (3 - 2 * share);
    // Names fade out at the start. When all else has arrived they take new places, and fade in during what is left.
    morph.names = morph.share < 1 ? clamp(1 - 2.5 * share, 0, 1) : (morph.share - 1) / NAMES_SHARE;
    if (morph.share >= 1 + NAMES_SHARE) this.player.morph = null;
    this.mapDirty = true;
    return true;
  }

  /**
   * Text and controls; those that change with the step only are written only then.
   * @param {number} position @param {number} now
   */
  #showState(position, now) {
    const { player } = this;
    const { parts, clock, journey } = player;
    player.transport.showPosition(position);
    if (player.root.dataset.playing !== String(clock.playing)) player.root.dataset.playing = String(clock.playing);
    if (now - this.legendShown > 90 || (player.step !== player.lastStep && !clock.playing)) {
      this.legendShown = now;
      player.legend.showValues(player.curves, position);
    }
    if (player.step === player.lastStep) return;
    player.lastStep = player.step;
    const caption = journey.caption(player.step);
    parts.caption.textContent = caption;
    parts.caption.title = journey.terms(player.step);
    player.root.dataset.step = String(player.step);
    for (const part of player.displays) part.showStep?.(player.step, caption);
    if (clock.playing) player.status.announce();
  }

  stop() {
    cancelAnimationFrame(this.request);
  }
}
