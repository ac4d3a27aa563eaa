/* The loops of train-network.js that take nearly all the time, four numbers at a time (WebAssembly's SIMD). Every
   argument is an address in the module's memory or a count. What each computes is said, and computed more plainly, in
   trainDigits.plainKernels. */

// @ts-ignore: a decorator of AssemblyScript
@inline
function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}

function dot(a: usize, b: usize, count: i32): f32 {
  let sums = f32x4.splat(0), i = 0;
  for (; i + 4 <= count; i += 4) {
    sums = f32x4.add(sums, f32x4.mul(v128.load(a + 4 * i), v128.load(b + 4 * i)));
  }
  let sum = sum4(sums);
  for (; i < count; i++) {
    sum += load<f32>(a + 4 * i) * load<f32>(b + 4 * i);
  }
  return sum;
}

/* target += factor x */
function addMultiple(target: usize, x: usize, factor: f32, count: i32): void {
  const four = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(target + 4 * i, f32x4.add(v128.load(target + 4 * i), f32x4.mul(four, v128.load(x + 4 * i))));
  }
  for (; i < count; i++) {
    store<f32>(target + 4 * i, load<f32>(target + 4 * i) + factor * load<f32>(x + 4 * i));
  }
}

export function product(weight: usize, x: usize, bias: usize, output: usize, inputs: i32, outputs: i32): void {
  for (let o = 0; o < outputs; o++) {
    store<f32>(output + 4 * o, load<f32>(bias + 4 * o) + dot(weight + 4 * o * inputs, x, inputs));
  }
}

export function productBackward(weight: usize, g: usize, gradient: usize, inputs: i32, outputs: i32): void {
  memory.fill(gradient, 0, 4 * inputs);
  for (let o = 0; o < outputs; o++) {
    addMultiple(gradient, weight + 4 * o * inputs, load<f32>(g + 4 * o), inputs);
  }
}

export function addOuter(g: usize, x: usize, target: usize, scale: f32, inputs: i32, outputs: i32): void {
  for (let o = 0; o < outputs; o++) {
    addMultiple(target + 4 * o * inputs, x, scale * load<f32>(g + 4 * o), inputs);
  }
}

/* Four outputs o and four columns at a time, so that a number of x is loaded once for sixteen multiplications. */
export function convolve(
  x: usize, weight: usize, bias: usize, output: usize, channels: i32, outputs: i32, side: i32, filter: i32
): void {
  const size = side - filter + 1, perOutput = channels * filter * filter, map = 4 * size * size;
  for (let o = 0; o < outputs; o += 4) {
    const together = min(4, outputs - o);
    for (let y = 0; y < size; y++) {
      for (let column = 0; column < size; column += 4) {
        if (together == 4 && size >= 4) {
          const at = min(column, size - 4); // the last four overlap the four before, with the same results
          let s0 = f32x4.splat(load<f32>(bias + 4 * o)), s1 = f32x4.splat(load<f32>(bias + 4 * o + 4));
          let s2 = f32x4.splat(load<f32>(bias + 4 * o + 8)), s3 = f32x4.splat(load<f32>(bias + 4 * o + 12));
          let w0 = weight + 4 * o * perOutput;
          const w1 = 4 * perOutput, w2 = 8 * perOutput, w3 = 12 * perOutput;
          for (let c = 0; c < channels; c++) {
            for (let row = 0; row < filter; row++) {
              let from = x + 4 * ((c * side + y + row) * side + at);
              for (let q = 0; q < filter; q++, w0 += 4, from += 4) {
                const v = v128.load(from);
                s0 = f32x4.add(s0, f32x4.mul(v, v128.load32_splat(w0)));
                s1 = f32x4.add(s1, f32x4.mul(v, v128.load32_splat(w0 + w1)));
                s2 = f32x4.add(s2, f32x4.mul(v, v128.load32_splat(w0 + w2)));
                s3 = f32x4.add(s3, f32x4.mul(v, v128.load32_splat(w0 + w3)));
              }
            }
          }
          const to = output + o * map + 4 * (y * size + at);
          v128.store(to, s0);
          v128.store(to + map, s1);
          v128.store(to + 2 * map, s2);
          v128.store(to + 3 * map, s3);
        } else {
          for (let k = o; k < o + together; k++) {
            for (let at = column; at < min(column + 4, size); at++) {
              let sum = load<f32>(bias + 4 * k), w = weight + 4 * k * perOutput;
              for (let c = 0; c < channels; c++) {
                for (let row = 0; row < filter; row++) {
                  let from = x + 4 * ((c * side + y + row) * side + at);
                  for (let q = 0; q < filter; q++, w += 4, from += 4) {
                    sum += load<f32>(from) * load<f32>(w);
                  }
                }
              }
              store<f32>(output + k * map + 4 * (y * size + at), sum);
            }
          }
        }
      }
    }
  }
}

/* g has a border of filter - 1 zeros, so that the last four of a row may reach beyond it. */
export function correlate(
  g: usize, x: usize, target: usize, scale: f32, channels: i32, outputs: i32, side: i32, filter: i32
): void {
  const size = side - filter + 1, border = filter - 1, padded = size + 2 * border;
  let w = target;
  for (let o = 0; o < outputs; o++) {
    const inside = g + 4 * ((o * padded + border) * padded + border);
    for (let c = 0; c < channels; c++) {
      for (let row = 0; row < filter; row++) {
        for (let column = 0; column < filter; column++, w += 4) {
          let sums = f32x4.splat(0);
          for (let y = 0; y < size; y++) {
            const from = x + 4 * ((c * side + y + row) * side + column), met = inside + 4 * y * padded;
            for (let at = 0; at < size; at += 4) {
              sums = f32x4.add(sums, f32x4.mul(v128.load(met + 4 * at), v128.load(from + 4 * at)));
            }
          }
          store<f32>(w, load<f32>(w) + scale * sum4(sums));
        }
      }
    }
  }
}
