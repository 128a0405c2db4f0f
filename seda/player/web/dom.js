// Elements of the page. Names that users typed come in as text only, never as markup.

/** @typedef {{[Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => unknown}} Listeners */
/** @typedef {{text?: string, on?: Listeners} & Record<string, unknown>} Attributes  undefined, false: not there; true: empty */

/**
 * Element with properties (class, text, attributes) and children. User text goes in as `text`: never as markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} [properties] @param {(Node|string|null)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, properties = {}, ...children) {
  const { text, on, ...attributes } = properties;
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [event, listener] of Object.entries(on ?? {})) element.addEventListener(event, /** @type {EventListener} */ (listener));
  for (const child of children) if (child) element.append(child);
  return element;
}

const ICONS = {
  play: "M8 5.2v13.6c0 .8.9 1.3 1.6.9l10.6-6.8c.6-.4.6-1.4 0-1.8L9.6 4.3c-.7-.4-1.6.1-1.6.9z",
  pause: "M7 5h3.4v14H7zM13.6 5H17v14h-3.4z",
  back: "M6 5h2.4v14H6zM19 6v12c0 .7-.8 1.1-1.4.7L9.6 12.8a1 1 0 0 1 0-1.6l8-5.9c.6-.4 1.4 0 1.4.7z",
  forward: "M18 5h-2.4v14H18zM5 6v12c0 .7.8 1.1 1.4.7l8-5.9a1 1 0 0 0 0-1.6l-8-5.9C5.800 4.900 5 5.300 5 6z",
  replay: "M12 5V2.300L7.200 6.300 12 10.300V7.200a5.300 5.300 0 1 1-5.300 5.300H4.500A7.500 7.500 0 1 0 12 5z",
  loop: "M7 7h9v2.800l4.200-3.900L16 2v2.800H4.800V11H7zM17 17H8v-2.800l-4.200 3.900L8 22v-2.800h11.200V13H17z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  minus: "M5 11h14v2H5z",
  follow: "M11 2h2v3.100a7 7 0 0 1 5.900 5.900H22v2h-3.100a7 7 0 0 1-5.900 5.900V22h-2v-3.100A7 7 0 0 1 5.100 13H2v-2h3.100A7 7 0 0 1 11 5.100zM12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zm0 3a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  present: "M3 4h18v2H3zM4.500 7.500h15V17h-6.300l2.800 4h-2.300L12 18.500 10.300 21H8l2.800-4H4.500zM6.500 9.500V15h11V9.500z",
  full: "M3 3h7v2.200H6.700l4.300 4.300-1.500 1.500-4.300-4.300V10H3zM21 21h-7v-2.200h3.300l-4.300-4.300 1.500-1.500 4.300 4.300V14H21z",
  fit: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {keyof typeof ICONS} name @param {string} label @param {string} testId @param {() => unknown} listener
 * @param {Attributes} [extra]
 */
export function iconButton(name, label, testId, listener, extra = {}) {
  const button = el("button", {
    type: "button", class: "sp-button", "aria-label": label, title: label, "data-testid": testId, on: { click: listener }, ...extra,
  });
  button.append(icon(name));
  return button;
}

/**
 * What draws on a canvas; there always is one, as nothing else is asked of a canvas here.
 * @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} [settings]
 */
export const brush = (canvas, settings) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));

/**
 * Size a canvas for the screen's pixel density.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @returns {number} the density used
 */
export function fitCanvas(canvas, width, height) {
  const density = Math.min(window.devicePixelRatio || 1, 3);
  const [w, h] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  return density;
}
