"use strict";

/* The final network in the reader's browser: the forward pass of the chapter "Build the network" in plain loops. Feature
   maps are stored as there, (C, H, W) in row-major order.

   The page has three scripts: this one computes, draw-pen.js turns strokes into an image like MNIST's, and draw.js is
   the user interface. They share this one object. */
const drawDigit = {};

/* All arithmetic is in one function, so that its text can be given to a worker (see startWorker below).

   model     mean and deviation of the training pixels, as in labcode.data
   weights   by name, as in labcode.network.ConvNet: "stages.0.convolution.weight", ..., "output.bias"

   The sizes here are those of the final model; tools/extensions/draw.py refuses weights of any other. */
drawDigit.makeNetwork = function makeNetwork(model, weights) {
  const IMAGE = 28, PADDING = 2, FILTER = 5, POOL = 3, STRIDE = 2, WINDOW = 7;

  /* Turn 28 x 28 bytes into 32 x 32 numbers: pad with background, then normalize to mean 0 and deviation 1. */
  function prepare(bytes) {
    const side = IMAGE + 2 * PADDING, pixels = new Float32Array(side * side);
    for (let y = 0; y < IMAGE; y++) {
      for (let x = 0; x < IMAGE; x++) {
        pixels[(y + PADDING) * side + x + PADDING] = bytes[y * IMAGE + x];
      }
    }
    return pixels.map((value) => (value - model.mean) / model.deviation);
  }

  /* Nine tenths of the time is spent here. A row of five weights slides over a map, so that a sum is read and written
     once per five multiplications. One weight at a time takes twice as long. */
  function convolution(maps, side, weight, bias) {
    const inputs = maps.length / (side * side), outputs = bias.length, size = side - FILTER + 1;
    const sums = new Float32Array(outputs * size * size);
    for (let o = 0; o < outputs; o++) {
      sums.fill(bias[o], o * size * size, (o + 1) * size * size);
      for (let c = 0; c < inputs; c++) {
        for (let row = 0; row < FILTER; row++) {
          const w = ((o * inputs + c) * FILTER + row) * FILTER;
          const w0 = weight[w], w1 = weight[w + 1], w2 = weight[w + 2], w3 = weight[w + 3], w4 = weight[w + 4];
          for (let y = 0; y < size; y++) {
            let i = (c * side + y + row) * side, s = (o * size + y) * size;
            for (const end = s + size; s < end; s++, i++) {
              sums[s] += w0 * maps[i] + w1 * maps[i + 1] + w2 * maps[i + 2] + w3 * maps[i + 3] + w4 * maps[i + 4];
            }
          }
        }
      }
    }
    return sums;
  }

  function tanh(values) {
    return values.map(Math.tanh);
  }

  /* Lp pooling with P = 2: each window of 3 by 3 gives the root of its sum of squares. */
  function pooling(maps, side) {
    const count = maps.length / (side * side), size = Math.floor((side - POOL) / STRIDE) + 1;
    const pooled = new Float32Array(count * size * size);
    for (let c = 0, p = 0; c < count; c++) {
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++, p++) {
          let sum = 0;
          for (let i = 0; i < POOL; i++) {
            for (let j = 0; j < POOL; j++) {
              const value = maps[(c * side + y * STRIDE + i) * side + x * STRIDE + j];
              sum += value * value;
            }
          }
          pooled[p] = Math.sqrt(sum);
        }
      }
    }
    return pooled;
  }

  /* Subtractive normalization: subtract from every map the local mean over all maps and a Gaussian window; at the border
     only the part of the window inside the image counts. */
  function normalization(maps, side) {
    const count = maps.length / (side * side), area = side * side, half = (WINDOW - 1) / 2;
    const meanMap = new Float64Array(area), result = new Float32Array(maps.length);
    for (let c = 0; c < count; c++) {
      for (let u = 0; u < area; u++) {
        meanMap[u] += maps[c * area + u] / count;
      }
    }
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        let sum = 0, mass = 0;
        for (let p = Math.max(-half, -y); p <= half && y + p < side; p++) {
          for (let q = Math.max(-half, -x); q <= half && x + q < side; q++) {
            const g = Math.exp(-0.5 * (p * p + q * q) / ((0.25 * WINDOW) * (0.25 * WINDOW)));
            sum += g * meanMap[(y + p) * side + x + q];
            mass += g;
          }
        }
        for (let u = y * side + x; u < maps.length; u += area) {
          result[u] = maps[u] - sum / mass;
        }
      }
    }
    return result;
  }

  function linear(inputs, weight, bias) {
    return bias.map((start, o) => {
      let sum = start;
      for (let i = 0; i < inputs.length; i++) {
        sum += weight[o * inputs.length + i] * inputs[i];
      }
      return sum;
    });
  }

  function logSoftmax(logits) {
    const largest = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    return logits.map((logit) => logit - largest - Math.log(sum));
  }

  /* The whole network. Return ten logits, ten log-probabilities, and for each step its maps and their side length. */
  function forward(bytes) {
    const steps = [];
    let maps = prepare(bytes), side = IMAGE + 2 * PADDING;
    function keep(stage, name, result) {
      maps = result;
      side = Math.round(Math.sqrt(maps.length / weights[`stages.${stage}.convolution.bias`].length));
      steps.push({ stage: stage + 1, name, maps, side });
    }
    for (const stage of [0, 1]) {
      const weight = weights[`stages.${stage}.convolution.weight`], bias = weights[`stages.${stage}.convolution.bias`];
      keep(stage, "convolution", convolution(maps, side, weight, bias));
      keep(stage, "tanh", tanh(maps));
      keep(stage, "pooling", pooling(maps, side));
      keep(stage, "normalization", normalization(maps, side));
    }
    const hidden = tanh(linear(maps, weights["hidden.weight"], weights["hidden.bias"]));
    const logits = linear(hidden, weights["output.weight"], weights["output.bias"]);
    return { steps, logits, logProbabilities: logSoftmax(logits) };
  }

  return { forward };
};

/* The weights come as text in pieces, as scripts that call drawDigit.receive: a page opened from a disk may run the
   scripts beside it, but not read files. */
drawDigit.pieces = [];
drawDigit.receive = function receive(number, text) {
  drawDigit.pieces[number] = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
};

/* 16-bit integers in sequence, with one scale per tensor. */
drawDigit.unpackWeights = function unpackWeights(model) {
  const bytes = new Uint8Array(drawDigit.pieces.reduce((total, piece) => total + piece.length, 0));
  drawDigit.pieces.reduce((start, piece) => (bytes.set(piece, start), start + piece.length), 0);
  const numbers = new DataView(bytes.buffer), weights = {};
  let start = 0;
  for (const { name, size, scale } of model.tensors) {
    weights[name] = new Float32Array(size);
    for (let i = 0; i < size; i++, start += 2) {
      weights[name][i] = scale * numbers.getInt16(start, true);
    }
  }
  return weights;
};

/* A forward pass takes longer than a frame, so it runs in a worker and the pen stays smooth. The worker is made from the
   text of makeNetwork, because a page opened from a disk cannot fetch scripts. */
drawDigit.startWorker = function startWorker(model, weights) {
  function work(makeNetwork) {
    let network;
    onmessage = ({ data }) => {
      if (data.weights) {
        network = makeNetwork(data.model, data.weights);
      } else {
        const result = network.forward(data.image);
        postMessage(result, result.steps.map((step) => step.maps.buffer));
      }
    };
  }
  const text = `"use strict"; (${work})(${drawDigit.makeNetwork});`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(address);
  worker.postMessage({ model, weights });
  return worker;
};
