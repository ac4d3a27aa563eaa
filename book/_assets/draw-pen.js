"use strict";

/* Turn strokes into an image like MNIST's, with exactly the numbers of labcode/pages/drawing.py. */

drawDigit.SIDE = 280; // side of the drawing in pixels: ten per pixel of MNIST
drawDigit.IMAGE = 28;
drawDigit.WIDEST = 12; // radius of the pen in large drawings

/* Return the radius of the pen for a drawing of these lines, each a pair of points: a fourteenth of the longer side. So the
   lines are about as wide as MNIST's after `place` has enlarged a small drawing. */
drawDigit.penRadius = function penRadius(lines) {
  const FINEST = 1.5, PEN = 1 / 14, points = lines.flat();
  const extent = (axis) => {
    const places = points.map((point) => point[axis]);
    return places.reduce((a, b) => Math.max(a, b)) - places.reduce((a, b) => Math.min(a, b));
  };
  return points.length ? Math.min(Math.max(PEN * Math.max(extent(0), extent(1)), FINEST), drawDigit.WIDEST) : FINEST;
};

/* Add ink, 0 to 255, along the line between two points, with a soft edge of one pixel. */
drawDigit.addInk = function addInk(ink, [[x0, y0], [x1, y1]], radius) {
  const SIDE = drawDigit.SIDE, reach = radius + 1;
  const dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy || 1;
  const clip = (value, low, high) => Math.min(Math.max(value, low), high);
  const top = clip(Math.floor(Math.min(y0, y1) - reach), 0, SIDE), bottom = clip(Math.max(y0, y1) + reach, 0, SIDE);
  const left = clip(Math.floor(Math.min(x0, x1) - reach), 0, SIDE), right = clip(Math.max(x0, x1) + reach, 0, SIDE);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const x = column + 0.5 - x0, y = row + 0.5 - y0;
      const share = clip((x * dx + y * dy) / length2, 0, 1); // where on the line, from 0 to 1, the nearest point is
      const distance = Math.hypot(x - share * dx, y - share * dy);
      const value = Math.floor(255 * clip(radius + 0.5 - distance, 0, 1) + 0.5);
      ink[row * SIDE + column] = Math.max(ink[row * SIDE + column], value);
    }
  }
};

/* Return the bounding box of the ink, or null if there is none. Faint ink counts as paper, as in drawing.py. */
drawDigit.inkBox = function inkBox(ink) {
  const SIDE = drawDigit.SIDE, FAINT = 1;
  let top = SIDE, bottom = 0, left = SIDE, right = 0;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      if (ink[row * SIDE + column] > FAINT) {
        top = Math.min(top, row);
        bottom = Math.max(bottom, row + 1);
        left = Math.min(left, column);
        right = Math.max(right, column + 1);
      }
    }
  }
  return bottom ? { top, left, height: bottom - top, width: right - left } : null;
};

/* Return the drawing as MNIST stores digits, 28 x 28 bytes: scaled to fit 20 by 20 with its proportions kept, each cell
   the mean of the pixels under it; then moved so that its rounded center of mass is at (14, 14). */
drawDigit.place = function place(ink) {
  const SIDE = drawDigit.SIDE, IMAGE = drawDigit.IMAGE, BOX = 20, CENTRE = 14;
  const image = new Uint8Array(IMAGE * IMAGE), found = drawDigit.inkBox(ink);
  if (!found) {
    return image;
  }
  // In twentieths of a pixel, to compute with integers: a cell is `longer` wide, a pixel BOX.
  const longer = Math.max(found.height, found.width), box = new Uint8Array(BOX * BOX);
  const firstRow = firstCell(found.top, found.height), firstColumn = firstCell(found.left, found.width);
  let mass = 0, rows = 0, columns = 0;
  for (let i = 0; i < BOX; i++) {
    for (let j = 0; j < BOX; j++) {
      const value = rounded(sumOfCell(firstRow + i * longer, firstColumn + j * longer), longer * longer);
      box[i * BOX + j] = value;
      mass += value;
      rows += i * value;
      columns += j * value;
    }
  }
  const down = CENTRE - rounded(rows, mass), right = CENTRE - rounded(columns, mass);
  for (let i = 0; i < BOX; i++) {
    for (let j = 0; j < BOX; j++) {
      const y = i + down, x = j + right;
      if (y >= 0 && y < IMAGE && x >= 0 && x < IMAGE) {
        image[y * IMAGE + x] = box[i * BOX + j];
      }
    }
  }
  return image;

  /* The cells that a shorter side leaves free are on both sides of it. */
  function firstCell(start, length) {
    const used = Math.ceil(BOX * length / longer);
    return BOX * start - Math.floor((BOX - used) / 2) * longer;
  }

  /* A cell's edges may cut through pixels: each pixel counts by the part inside the cell. */
  function sumOfCell(top, left) {
    let sum = 0;
    const bottom = Math.min(top + longer, SIDE * BOX), right = Math.min(left + longer, SIDE * BOX);
    for (let y = Math.max(Math.floor(top / BOX), 0); y * BOX < bottom; y++) {
      const high = Math.min((y + 1) * BOX, bottom) - Math.max(y * BOX, top);
      for (let x = Math.max(Math.floor(left / BOX), 0); x * BOX < right; x++) {
        const wide = Math.min((x + 1) * BOX, right) - Math.max(x * BOX, left);
        sum += high * wide * ink[y * SIDE + x];
      }
    }
    return sum;
  }

  /* Divide and round to the nearest integer, halves up. */
  function rounded(dividend, divisor) {
    return Math.floor((2 * dividend + divisor) / (2 * divisor));
  }
};

/* Return a test digit as a drawing: each pixel becomes a square of ten by ten. */
drawDigit.enlarge = function enlarge(image) {
  const SIDE = drawDigit.SIDE, IMAGE = drawDigit.IMAGE, times = SIDE / IMAGE;
  return Uint8Array.from({ length: SIDE * SIDE }, (_, place) => {
    const row = Math.floor(place / SIDE / times), column = Math.floor((place % SIDE) / times);
    return image[row * IMAGE + column];
  });
};
