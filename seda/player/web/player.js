// Where a player stands on a page: the Streamlit component (default export), the standalone HTML page (`mount`), and whatever else
// shows one. It receives the payload of seda/player/payload.py once, keeps all play state in the browser, and reports step,
// selection and map when they have come to rest.
//
// A further place is one more function here, or a module of its own, as the notebook's widget.js. It gives `Player` an element and the payload, in
// `options.report` a way to tell what is shown, and calls `load` (another journey), `update` (other options) and `destroy` (gone)
// when its own life asks for it; nothing else in these modules knows where it stands.

import { Player } from "./player_state.js";

/** @typedef {{step: number, selection: number[], map: string, stills: boolean, present?: boolean}} ViewState  present: before an audience, see presentation.js */
/**
 * @typedef {{height?: number, above?: number, start?: ViewState|null, address?: boolean, loop?: boolean,
 *   report?: (state: ViewState & {fingerprint: string}) => void, next?: () => void, lesson?: number, present?: boolean, asking?: boolean, kiosk?: boolean, among?: boolean}} Options  height: the least, px; above: px of the window that
 *   the page itself takes; start: what is shown first; address: whether the page's address tells what is shown; next: shows the next
 *   example; lesson: the scene to begin with, from 1; present: whether it begins before an audience; asking: whether others are
 *   asked where items land, so that nothing may tell it; kiosk: whether
 *   there is no way out of the presentation; among: whether it stands among other things, whose keys are not its own
 */
/** @typedef {HTMLElement & {sedaPlayer?: Player}} Host  an element that keeps its player */

/**
 * Show a journey inside an element of a plain page.
 * @param {HTMLElement} host @param {Payload} payload @param {Options} [options] @returns {Player}
 */
export function mount(host, payload, options = {}) {
  return new Player(host, payload, options);
}

/**
 * Entrance for st.components.v2: called at mount and again at each rerun. `data` is JSON, as seda/ui/trajectories/player.py sends it.
 * @param {{data: ArrayBuffer, parentElement: Host, setStateValue: (name: string, value: unknown) => void,
 *   setTriggerValue: (name: string, value: unknown) => void}} component
 */
export default function streamlitComponent({ data, parentElement, setStateValue, setTriggerValue }) {
  const { payload, options: sent } = JSON.parse(new TextDecoder().decode(data));
  /** @type {Options} */
  const options = { ...sent, report: (state) => setStateValue("view", state), next: () => setTriggerValue("next", true) };
  // Kept at the element: the module itself may be loaded again between two calls.
  const before = parentElement.sedaPlayer;
  const player = before && !before.destroyed ? before : new Player(parentElement, payload, options);
  if (player === before) {
    if (player.journey.fingerprint !== payload.fingerprint) player.load(payload);
    player.update(options);
  }
  parentElement.sedaPlayer = player;
  player.owner += 1;
  const call = player.owner;
  return () => {
    // Streamlit may clean up between two reruns; only a player that nobody took over is gone for good.
    setTimeout(() => {
      if (player.owner !== call || player.root.isConnected) return;
      player.destroy();
      parentElement.sedaPlayer = undefined;
    }, 0);
  };
}
