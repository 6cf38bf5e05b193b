/**
 * The lag of one task as a line. Pure.
 * @module
 */

/**
 * Return the points of the line, from the first sample to the last one, zero at the bottom.
 * @param {number[]} lags Alternating times and lags.
 * @param {number} width
 * @param {number} height
 * @param {number} inset Room at the edges for the stroke and the dot.
 * @returns {[number, number][]}
 */
export function points(lags, width, height, inset) {
  const count = lags.length / 2;
  if (count === 0) return [];
  const from = lags[0];
  const span = lags[lags.length - 2] - from || 1;
  let highest = 1;
  for (let index = 1; index < lags.length; index += 2) highest = Math.max(highest, lags[index]);
  /** @type {[number, number][]} */
  const found = [];
  for (let index = 0; index < count; index += 1) {
    const x = count === 1 ? width - inset : inset + ((lags[2 * index] - from) / span) * (width - 2 * inset);
    const y = height - inset - (lags[2 * index + 1] / highest) * (height - 2 * inset);
    found.push([x, y]);
  }
  return found;
}

/** @param {[number, number][]} line */
export const path = (line) => line.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
