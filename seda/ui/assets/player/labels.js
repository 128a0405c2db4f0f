// Places for labels.

/** Places for labels beside their marks without overlap; a label with no free place is left out (hover names it). */
export class LabelPlacer {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {[number, number, number, number][]} */ this.taken = [];
  }

  block(x, y, radius) {
    this.taken.push([x - radius, y - radius, x + radius, y + radius]);
  }

  #free([x0, y0, x1, y1]) {
    if (x0 < 4 || y0 < 4 || x1 > this.width - 4 || y1 > this.height - 4) return false;
    return this.taken.every(([a0, b0, a1, b1]) => x1 <= a0 || x0 >= a1 || y1 <= b0 || y0 >= b1);
  }

  /**
   * @param {number} [last] the choice made in the frame before: kept while it is free, so that labels do not flicker
   * @returns {{x: number, y: number, far: boolean, choice: number}|null} left end and middle height, and if it is set off
   */
  place(x, y, radius, width, height, last) {
    const places = [4, 16, 30].flatMap((extra) => {
      const gap = radius + extra;
      const side = gap * 0.72;
      return [
        [x + gap, y], [x - gap - width, y], [x - width / 2, y - gap - height / 2], [x - width / 2, y + gap + height / 2],
        [x + side, y - side], [x + side, y + side], [x - side - width, y - side], [x - side - width, y + side],
      ];
    });
    for (const choice of [...(last === undefined ? [] : [last]), ...places.keys()]) {
      const [left, middle] = places[choice];
      const box = /** @type {[number, number, number, number]} */ ([left - 2, middle - height / 2, left + width + 2, middle + height / 2]);
      if (this.#free(box)) {
        this.taken.push(box);
        return { x: left, y: middle, far: choice > 7, choice };
      }
    }
    return null;
  }
}

/** Push sorted labels apart so that they neither overlap nor leave their range. */
export function spreadLabels(labels, spacing, top, bottom) {
  for (let i = 0; i < labels.length; i++) {
    const least = i ? labels[i - 1].y + spacing : top;
    labels[i].y = Math.max(labels[i].y, least);
  }
  for (let i = labels.length - 1; i >= 0; i--) {
    const most = i < labels.length - 1 ? labels[i + 1].y - spacing : bottom;
    labels[i].y = Math.min(labels[i].y, most);
  }
}
