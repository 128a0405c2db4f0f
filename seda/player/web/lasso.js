// Drawing a line around things.

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 8; // px: a smaller loop is a click

/** A closed line that is drawn by hand over an element. */
export class Lasso {
  /** @param {HTMLElement} stage */
  constructor(stage) {
    this.line = document.createElementNS(SVG, "polygon");
    this.picture = document.createElementNS(SVG, "svg");
    this.picture.setAttribute("class", "sp-lasso");
    this.picture.setAttribute("aria-hidden", "true");
    this.picture.append(this.line);
    stage.append(this.picture);
    /** @type {Point[]|null} */ this.points = null;
  }

  get drawing() {
    return this.points !== null;
  }

  /** @param {Point} point */
  begin(point) {
    this.points = [point];
  }

  /** @param {Point} point */
  extend(point) {
    if (!this.points) return;
    this.points.push(point);
    this.line.setAttribute("points", this.points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
  }

  /**
   * Take the line away.
   * @returns {((point: Point) => boolean)|null} whether a point lies inside; null when it was only a click
   */
  end() {
    const points = this.points;
    this.cancel();
    return points && region(points);
  }

  cancel() {
    this.points = null;
    this.line.setAttribute("points", "");
  }
}

/**
 * The inside of a line that was drawn.
 * @param {Point[]} points
 * @returns {((point: Point) => boolean)|null} whether a point lies inside; null where the line is so small that it was a click
 */
export function region(points) {
  const xs = points.map(({ x }) => x), ys = points.map(({ y }) => y);
  if (Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)) < LEAST) return null;
  return (point) => encloses(points, point);
}

/**
 * Whether a polygon holds a point: a ray from it crosses the line an odd number of times.
 * @param {Point[]} polygon @param {Point} point
 */
function encloses(polygon, { x, y }) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const a = polygon[i], b = polygon[j];
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  }
  return inside;
}
