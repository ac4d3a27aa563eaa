"use strict";

/* The lab's network, trained in the reader's browser by the backward pass of Part I. The layers are those of
   labcode.network.manual_layers, with the same names and formulas, for one image at a time. Maps are stored as (C, H, W)
   in row-major order, weights as in PyTorch: (outputs, channels, rows, columns).

   A run draws its split, initial weights, order of images and dropout masks from the same streams as labcode does, so
   that a seed means the same run here and there, up to rounding.

   The page has two scripts: this one computes, train.js is the user interface. They share this one object. */
const trainDigits = {};

/* All of it is one function, so that its text can be given to a worker.

   kernels   the loops that take nearly all the time, see trainDigits.plainKernels
   allocate  makes a Float32Array of zeros */
trainDigits.makeEngine = function makeEngine(kernels, allocate) {
  const IMAGE = 28, PADDING = 2, SIDE = IMAGE + 2 * PADDING, CLASSES = 10, WINDOW = 7, TRAINING_SHARE = 0.7, AHEAD = 32;

  /* The Mersenne Twister as PyTorch draws from it (Matsumoto and Nishimura, ACM TOMACS 8, 1998). */
  class Stream {
    constructor(seed) {
      this.state = new Uint32Array(624);
      this.state[0] = seed;
      for (let i = 1; i < 624; i++) {
        const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
        this.state[i] = Math.imul(1812433253, last) + i;
      }
      this.next = 624;
    }

    /* 32 random bits. */
    bits() {
      if (this.next === 624) {
        const s = this.state;
        for (let i = 0; i < 624; i++) {
          const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
          s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        this.next = 0;
      }
      let y = this.state[this.next++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    }

    /* A number in [0, 1) with 24 bits, as torch.rand draws it. */
    uniform() {
      return (this.bits() & 0xffffff) / 0x1000000;
    }

    /* 64 random bits, as bytes from the lowest. */
    bytes() {
      const high = this.bits(), low = this.bits();
      return new Uint8Array(Uint32Array.of(low, high).buffer);
    }

    /* Dropout masks of 0 and 1 / (1 - rate) for count values: a random bit each at rate one half, else a number each. */
    mask(count, rate) {
      if (rate !== 0.5) {
        return Float32Array.from({ length: count }, () => (this.uniform() >= rate ? 1 / (1 - rate) : 0));
      }
      const values = new Float32Array(count);
      for (let i = 0; i < count; i += 64) {
        const bytes = this.bytes();
        for (let bit = 0; bit < 64 && i + bit < count; bit++) {
          values[i + bit] = (bytes[bit >> 3] >> (bit & 7)) & 1 ? 2 : 0;
        }
      }
      return values;
    }

    /* 0, ..., count - 1 in random order, as torch.randperm. */
    permutation(count) {
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      for (let i = 0; i < count - 1; i++) {
        const other = i + (this.bits() % (count - i));
        [order[i], order[other]] = [order[other], order[i]];
      }
      return order;
    }
  }

  /* y = W x + b; the gradient is W'g at x, g x' at W and g at b. */
  class Linear {
    constructor(inputs, outputs) {
      this.weight = allocate(outputs * inputs);
      this.bias = allocate(outputs);
      this.output = allocate(outputs);
      this.gradient = allocate(inputs);
      this.fanIn = inputs;
    }

    forward(x) {
      this.input = x;
      kernels.product(this.weight, x, this.bias, this.output);
      return this.output;
    }

    /* Add scale times the gradients of weight and bias to target; return the gradient at the input, computed first,
       since the target may be this layer's own weights. */
    backward(g, target, scale) {
      kernels.productBackward(this.weight, g, this.gradient);
      kernels.addOuter(g, this.input, target.weight, scale);
      g.forEach((each, o) => { target.bias[o] += scale * each; });
      return this.gradient;
    }
  }

  /* y[o, u] = b[o] + sum over q and c of W[o, c, q] x[c, u + q]. */
  class Convolution {
    constructor(channels, outputs, side, filter) {
      const size = side - filter + 1;
      Object.assign(this, { channels, outputs, side, filter, size });
      this.weight = allocate(outputs * channels * filter * filter);
      this.bias = allocate(outputs);
      this.output = allocate(outputs * size * size);
      this.gradient = allocate(channels * side * side);
      this.fanIn = channels * filter * filter;
      this.padded = allocate(outputs * (side + filter - 1) ** 2);
      this.turned = allocate(this.weight.length);
      this.zeros = allocate(channels);
    }

    forward(x) {
      this.input = x;
      kernels.convolve(x, this.weight, this.bias, this.output, this.channels, this.side, this.filter);
      return this.output;
    }

    /* Surround g with filter - 1 zeros. */
    pad(g) {
      const { outputs, size, filter, padded } = this, border = filter - 1, width = size + 2 * border;
      for (let o = 0; o < outputs; o++) {
        for (let y = 0; y < size; y++) {
          const from = (o * size + y) * size;
          padded.set(g.subarray(from, from + size), (o * width + y + border) * width + border);
        }
      }
      return padded;
    }

    /* The gradient at the input is a convolution too: of the padded g, by the filters turned by half a circle. */
    atInput(g) {
      const { channels, outputs, side, filter, weight, turned } = this, area = filter * filter;
      for (let o = 0, w = 0; o < outputs; o++) {
        for (let c = 0; c < channels; c++) {
          for (let q = area - 1; q >= 0; q--, w++) {
            turned[(c * outputs + o) * area + q] = weight[w];
          }
        }
      }
      kernels.convolve(this.pad(g), turned, this.zeros, this.gradient, outputs, side + filter - 1, filter);
      return this.gradient;
    }

    /* Add scale times the gradients of weight and bias to target: at a weight, the sum of g times what it met. */
    addGradient(g, target, scale) {
      const area = this.size * this.size;
      kernels.correlate(this.pad(g), this.input, target.weight, scale, this.channels, this.side, this.filter);
      for (let o = 0; o < this.outputs; o++) {
        let sum = 0;
        for (let u = o * area; u < (o + 1) * area; u++) {
          sum += g[u];
        }
        target.bias[o] += scale * sum;
      }
    }
  }

  /* Elementwise: y = f(x), and the slope of f from y. */
  class Activation {
    constructor(count, f, slope) {
      Object.assign(this, { f, slope, output: allocate(count), gradient: allocate(count) });
    }

    forward(x) {
      const { f, output } = this;
      for (let i = 0; i < x.length; i++) {
        output[i] = f(x[i]);
      }
      return output;
    }

    backward(g) {
      const { slope, output, gradient } = this;
      for (let i = 0; i < g.length; i++) {
        gradient[i] = slope(output[i]) * g[i];
      }
      return gradient;
    }
  }

  const ACTIVATIONS = {
    tanh: [Math.tanh, (y) => 1 - y * y],
    relu: [(x) => Math.max(x, 0), (y) => (y > 0 ? 1 : 0)],
    sigmoid: [(x) => 1 / (1 + Math.exp(-x)), (y) => y * (1 - y)],
  };

  /* Lp pooling with P = 2: a window becomes the root of its sum of squares; a window of zeros passes nothing back. */
  class Pooling {
    constructor(maps, side, pool, stride) {
      const size = Math.floor((side - pool) / stride) + 1;
      Object.assign(this, { maps, side, pool, stride, size });
      this.output = allocate(maps * size * size);
      this.gradient = allocate(maps * side * side);
    }

    /* Call act(window, pixel) for every window and each of its pixels. */
    visit(act) {
      const { maps, side, pool, stride, size } = this;
      for (let c = 0, w = 0; c < maps; c++) {
        for (let y = 0; y < size; y++) {
          for (let x = 0; x < size; x++, w++) {
            for (let i = 0; i < pool; i++) {
              const start = (c * side + y * stride + i) * side + x * stride;
              for (let u = start; u < start + pool; u++) {
                act(w, u);
              }
            }
          }
        }
      }
    }

    forward(x) {
      const { output } = this;
      this.input = x;
      output.fill(0);
      this.visit((w, u) => { output[w] += x[u] * x[u]; });
      for (let w = 0; w < output.length; w++) {
        output[w] = Math.sqrt(output[w]);
      }
      return output;
    }

    backward(g) {
      const { input, output, gradient } = this;
      gradient.fill(0);
      this.visit((w, u) => {
        if (output[w] > 0) {
          gradient[u] += input[u] * g[w] / output[w];
        }
      });
      return gradient;
    }
  }

  /* Subtract from every map the local mean over all maps: row u of A weighs the pixels around u by a Gaussian. */
  class Normalization {
    constructor(maps, side) {
      Object.assign(this, { maps, area: side * side, average: localAverage(side) });
      this.output = allocate(maps * side * side);
      this.gradient = allocate(maps * side * side);
    }

    /* The mean over the maps at each pixel. */
    mean(x) {
      const mean = new Float64Array(this.area);
      for (let i = 0; i < x.length; i++) {
        mean[i % this.area] += x[i] / this.maps;
      }
      return mean;
    }

    forward(x) {
      const mean = this.mean(x), local = new Float64Array(this.area);
      this.average.forEach((row, u) => row.forEach(([v, weight]) => { local[u] += weight * mean[v]; }));
      return this.subtract(x, local, this.output);
    }

    backward(g) {
      const mean = this.mean(g), shared = new Float64Array(this.area);
      this.average.forEach((row, u) => row.forEach(([v, weight]) => { shared[v] += weight * mean[u]; }));
      return this.subtract(g, shared, this.gradient);
    }

    subtract(x, local, result) {
      for (let i = 0; i < x.length; i++) {
        result[i] = x[i] - local[i % this.area];
      }
      return result;
    }
  }

  /* For each pixel, the pixels of the Gaussian window around it with their weights, which sum to 1. */
  function localAverage(side) {
    const half = (WINDOW - 1) / 2, sigma = 0.25 * WINDOW, rows = [];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const row = [];
        for (let p = Math.max(-half, -y); p <= half && y + p < side; p++) {
          for (let q = Math.max(-half, -x); q <= half && x + q < side; q++) {
            row.push([(y + p) * side + x + q, Math.exp(-0.5 * (p * p + q * q) / (sigma * sigma))]);
          }
        }
        const mass = row.reduce((sum, [, weight]) => sum + weight, 0);
        rows.push(row.map(([v, weight]) => [v, weight / mass]));
      }
    }
    return rows;
  }

  /* y = m x, elementwise, with a mask m drawn elsewhere; the gradient is multiplied by the same mask. */
  class Dropout {
    constructor(count, forgets) {
      Object.assign(this, { forgets, output: allocate(count), gradient: allocate(count) });
    }

    forward(x, mask) {
      this.mask = mask;
      return mask ? this.times(x, this.output) : x;
    }

    backward(g) {
      return this.mask && !this.forgets ? this.times(g, this.gradient) : g;
    }

    times(x, result) {
      for (let i = 0; i < x.length; i++) {
        result[i] = this.mask[i] * x[i];
      }
      return result;
    }
  }

  /* Log-softmax, then the negative log-likelihood of the label: together, the gradient is p - onehot(label). */
  class LogSoftmaxNLL {
    constructor() {
      this.output = new Float64Array(CLASSES);
      this.gradient = allocate(CLASSES);
    }

    forward(x) {
      const largest = Math.max(...x);
      const sum = x.reduce((total, each) => total + Math.exp(each - largest), 0);
      this.output.forEach((_, i) => { this.output[i] = x[i] - largest - Math.log(sum); });
      return this.output;
    }

    backward(label) {
      this.output.forEach((each, i) => { this.gradient[i] = Math.exp(each) - (i === label ? 1 : 0); });
      return this.gradient;
    }
  }

  /* The network of labcode.network.ConvNet: two stages, then a hidden and an output layer.

     settings  width, hidden, filter, pool, stride, activation; and broken, for a backward pass that leaves out the
               "slope" of the activation or the "mask" of dropout
     draws     the stream of the initial weights, uniform in +-1 / sqrt(inputs of a unit) */
  class Network {
    constructor(settings, draws) {
      const { width, hidden, filter, pool, stride, activation, broken } = settings, [f, slope] = ACTIVATIONS[activation];
      const active = (count) => new Activation(count, f, broken === "slope" ? () => 1 : slope);
      const dropped = (count) => new Dropout(count, broken === "mask");
      let side = SIDE, channels = 1;
      this.image = allocate(SIDE * SIDE);
      this.stages = [0, 1].map(() => {
        const convolution = new Convolution(channels, width, side, filter);
        const pooling = new Pooling(width, convolution.size, pool, stride);
        const count = pooling.output.length;
        side = pooling.size;
        channels = width;
        return {
          convolution, activation: active(convolution.output.length), pooling,
          normalization: new Normalization(width, side), dropout: dropped(count),
        };
      });
      this.hidden = new Linear(width * side * side, hidden);
      this.hiddenActivation = active(hidden);
      this.hiddenDropout = dropped(hidden);
      this.output = new Linear(hidden, CLASSES);
      this.loss = new LogSoftmaxNLL();
      for (const layer of this.layers()) {
        const bound = layer.fanIn ** -0.5;
        for (const parameters of [layer.weight, layer.bias]) {
          for (let i = 0; i < parameters.length; i++) {
            parameters[i] = Math.fround(Math.fround(draws.uniform()) * Math.fround(2 * bound)) + Math.fround(-bound);
          }
        }
      }
    }

    /* The layers with weights, from the input on. */
    layers() {
      return [...this.stages.map((stage) => stage.convolution), this.hidden, this.output];
    }

    /* Log-probabilities of an image of 32 x 32 numbers, with dropout where masks are given: one for each stage and one
       for the hidden layer. */
    forward(image, masks = []) {
      this.image.set(image);
      let x = this.image;
      this.stages.forEach(({ convolution, activation, pooling, normalization, dropout }, stage) => {
        x = convolution.forward(x);
        x = activation.forward(x);
        x = pooling.forward(x);
        x = normalization.forward(x);
        x = dropout.forward(x, masks[stage]);
      });
      x = this.hiddenActivation.forward(this.hidden.forward(x));
      x = this.hiddenDropout.forward(x, masks[2]);
      return this.loss.forward(this.output.forward(x));
    }

    /* Add scale times the gradient of the loss to targets, one for each of layers(). Zeros and 1 give the gradient;
       the layers themselves and minus the learning rate give a step of SGD in place. */
    backward(label, targets, scale) {
      let g = this.output.backward(this.loss.backward(label), targets[3], scale);
      g = this.hiddenActivation.backward(this.hiddenDropout.backward(g));
      g = this.hidden.backward(g, targets[2], scale);
      for (const stage of [1, 0]) {
        const { convolution, activation, pooling, normalization, dropout } = this.stages[stage];
        g = dropout.backward(g);
        g = normalization.backward(g);
        g = pooling.backward(g);
        g = activation.backward(g);
        const atInput = stage > 0 ? convolution.atInput(g) : null; // the image does not change
        convolution.addGradient(g, targets[stage], scale);
        g = atInput;
      }
    }
  }

  const indexOfLargest = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

  /* A training: labcode.training.train, a minibatch at a time.

     settings  of the Network, and dropout (three probabilities), learningRate, batchSize
     seeds     of its streams: split, weights, order, dropout
     digits    pixels (N, 28, 28) and labels (N,), bytes */
  class Run {
    constructor(settings, seeds, digits) {
      Object.assign(this, settings, { digits });
      const places = new Stream(seeds.split).permutation(digits.labels.length);
      const cut = Math.round(places.length * TRAINING_SHARE);
      this.training = places.slice(0, cut);
      this.validation = places.slice(cut);
      this.normalizeBy(this.training);
      this.network = new Network(settings, new Stream(seeds.weights));
      this.orders = new Stream(seeds.order);
      this.masks = new Stream(seeds.dropout);
      this.gradients = this.network.layers().map(({ weight, bias }) => (
        { weight: allocate(weight.length), bias: allocate(bias.length) }));
      this.curves = { online: [], train: [], validation: [] };
      this.diverged = false;
      this.beginEpoch();
    }

    /* Mean and deviation of the training images' pixels, their borders included. */
    normalizeBy(places) {
      let sum = 0, squares = 0;
      for (const place of places) {
        for (const value of this.pixelsAt(place)) {
          sum += value;
          squares += value * value;
        }
      }
      const count = places.length * SIDE * SIDE;
      this.mean = sum / count;
      this.deviation = Math.sqrt(squares / count - this.mean * this.mean);
    }

    pixelsAt(place) {
      return this.digits.pixels.subarray(place * IMAGE * IMAGE, (place + 1) * IMAGE * IMAGE);
    }

    /* From 28 x 28 bytes to 32 x 32 numbers: a border of background, then mean 0 and deviation 1. */
    prepare(bytes) {
      const image = new Float32Array(SIDE * SIDE).fill(-this.mean / this.deviation);
      for (let y = 0; y < IMAGE; y++) {
        for (let x = 0; x < IMAGE; x++) {
          image[(y + PADDING) * SIDE + x + PADDING] = (bytes[y * IMAGE + x] - this.mean) / this.deviation;
        }
      }
      return image;
    }

    beginEpoch() {
      this.order = this.orders.permutation(this.training.length);
      this.done = 0;
      this.wrong = 0;
    }

    /* Masks are drawn for about 32 images at a time, place by place, channels last: as labcode draws them. */
    masksOf(index) {
      const ahead = Math.max(1, Math.floor(AHEAD / this.batchSize)) * this.batchSize;
      if (!this.dropout.some((rate) => rate > 0)) {
        return [];
      }
      const { stages, hidden } = this.network;
      const sizes = [...stages.map(({ normalization }) => normalization.output.length), hidden.output.length];
      if (index % ahead === 0) {
        const count = Math.min(ahead, this.order.length - index);
        this.drawn = this.dropout.map((rate, place) => rate > 0 && this.masks.mask(count * sizes[place], rate));
      }
      return this.drawn.map((drawn, place) => {
        const size = sizes[place], from = (index % ahead) * size;
        const mask = drawn && drawn.subarray(from, from + size);
        return mask && place < 2 ? channelsFirst(mask, this.width) : mask;
      });
    }

    /* One step of SGD. Return whether another one follows in this epoch: not at its end, nor at a loss that is not a
       number. */
    step() {
      const end = Math.min(this.done + this.batchSize, this.order.length), count = end - this.done;
      const layers = this.network.layers(), alone = count === 1;
      if (alone) { // a single image moves the weights at once
        return this.addGradient(layers, -this.learningRate) && this.done < this.order.length;
      }
      if (!this.gradientOf(count)) {
        return false;
      }
      this.descend();
      return this.done < this.order.length;
    }

    /* The gradient of the next count images' mean loss, in this.gradients. */
    gradientOf(count) {
      this.gradients.forEach(({ weight, bias }) => { weight.fill(0); bias.fill(0); });
      for (let i = 0; i < count; i++) {
        if (!this.addGradient(this.gradients, 1 / count)) {
          return false;
        }
      }
      return true;
    }

    /* Move the weights against this.gradients. */
    descend() {
      this.network.layers().forEach((layer, i) => {
        for (const name of ["weight", "bias"]) {
          this.gradients[i][name].forEach((each, w) => { layer[name][w] -= this.learningRate * each; });
        }
      });
    }

    /* Forward and backward for the next image of the order. */
    addGradient(targets, scale) {
      const place = this.training[this.order[this.done]], label = this.digits.labels[place];
      this.latest = { place, label, masks: this.masksOf(this.done) };
      const outputs = this.network.forward(this.prepare(this.pixelsAt(place)), this.latest.masks);
      this.latest.outputs = Array.from(outputs);
      if (!Number.isFinite(outputs[label])) {
        this.diverged = true;
        return false;
      }
      this.wrong += indexOfLargest(outputs) === label ? 0 : 1;
      this.network.backward(label, targets, scale);
      this.done++;
      return true;
    }

    /* Derivatives of the latest image's loss by some weights of every layer: by the backward pass, and by central
       differences (L(w + h) - L(w - h)) / 2h. */
    compareGradients(each = 8, h = 0.01) {
      const { place, label, masks } = this.latest, image = this.prepare(this.pixelsAt(place));
      const loss = () => -this.network.forward(image, masks)[label];
      this.gradients.forEach(({ weight, bias }) => { weight.fill(0); bias.fill(0); });
      this.network.forward(image, masks);
      this.network.backward(label, this.gradients, 1);
      return this.network.layers().flatMap(({ weight }, layer) => Array.from({ length: each }, (_, i) => {
        const w = Math.floor((i + 0.5) * weight.length / each), start = weight[w];
        weight[w] = start + h;
        const above = loss(), up = weight[w];
        weight[w] = start - h;
        const below = loss(), down = weight[w];
        weight[w] = start;
        return { layer, weight: w, backward: this.gradients[layer].weight[w], differences: (above - below) / (up - down) };
      }));
    }

    /* Count the errors after an epoch, and begin the next. */
    measure() {
      this.curves.online.push(this.wrong);
      this.curves.train.push(this.count(this.training.subarray(0, this.validation.length)));
      this.curves.validation.push(this.count(this.validation));
      this.beginEpoch();
    }

    count(places) {
      return places.reduce((wrong, place) => wrong + (this.read(this.pixelsAt(place)).digit !== this.digits.labels[place]), 0);
    }

    /* What the network reads in 28 x 28 bytes: a digit, and the probability of each. */
    read(bytes) {
      const outputs = this.network.forward(this.prepare(bytes));
      return { digit: indexOfLargest(outputs), probabilities: Array.from(outputs, Math.exp) };
    }
  }

  function channelsFirst(values, channels) {
    const area = values.length / channels;
    return values.map((_, i) => values[(i % area) * channels + Math.floor(i / area)]);
  }

  return { Stream, Network, Run };
};

/* The same loops in WebAssembly are some times faster; these are the fallback, and what those are compared with. */
trainDigits.plainKernels = {
  product(weight, x, bias, output) {
    for (let o = 0, w = 0; o < output.length; o++) {
      let sum = bias[o];
      for (let i = 0; i < x.length; i++, w++) {
        sum += weight[w] * x[i];
      }
      output[o] = sum;
    }
  },

  productBackward(weight, g, gradient) {
    gradient.fill(0);
    for (let o = 0, w = 0; o < g.length; o++) {
      for (let i = 0; i < gradient.length; i++, w++) {
        gradient[i] += weight[w] * g[o];
      }
    }
  },

  addOuter(g, x, target, scale) {
    for (let o = 0, w = 0; o < g.length; o++) {
      const factor = scale * g[o];
      for (let i = 0; i < x.length; i++, w++) {
        target[w] += factor * x[i];
      }
    }
  },

  convolve(x, weight, bias, output, channels, side, filter) {
    const size = side - filter + 1;
    for (let o = 0, w = 0; o < bias.length; o++) {
      output.fill(bias[o], o * size * size, (o + 1) * size * size);
      for (let c = 0; c < channels; c++) {
        for (let row = 0; row < filter; row++) {
          for (let column = 0; column < filter; column++, w++) {
            for (let y = 0, s = o * size * size; y < size; y++) {
              let i = (c * side + y + row) * side + column;
              for (const end = s + size; s < end; s++, i++) {
                output[s] += weight[w] * x[i];
              }
            }
          }
        }
      }
    }
  },

  /* Add to each weight of target scale times the sum of g and the x that it met; g has its border of zeros. */
  correlate(g, x, target, scale, channels, side, filter) {
    const size = side - filter + 1, border = filter - 1, width = size + 2 * border;
    for (let w = 0, o = 0; w < target.length; o++) {
      for (let c = 0; c < channels; c++) {
        for (let row = 0; row < filter; row++) {
          for (let column = 0; column < filter; column++, w++) {
            let sum = 0;
            for (let y = 0; y < size; y++) {
              let i = (c * side + y + row) * side + column, s = (o * width + y + border) * width + border;
              for (const end = s + size; s < end; s++, i++) {
                sum += g[s] * x[i];
              }
            }
            target[w] += scale * sum;
          }
        }
      }
    }
  },
};

/* The same from the WebAssembly module, which works in its own memory: arrays are passed by their address. */
trainDigits.fastKernels = function fastKernels({ product, productBackward, addOuter, convolve, correlate }) {
  return {
    product: (weight, x, bias, output) =>
      product(weight.byteOffset, x.byteOffset, bias.byteOffset, output.byteOffset, x.length, output.length),
    productBackward: (weight, g, gradient) =>
      productBackward(weight.byteOffset, g.byteOffset, gradient.byteOffset, gradient.length, g.length),
    addOuter: (g, x, target, scale) =>
      addOuter(g.byteOffset, x.byteOffset, target.byteOffset, scale, x.length, g.length),
    convolve: (x, weight, bias, output, channels, side, filter) => convolve(
      x.byteOffset, weight.byteOffset, bias.byteOffset, output.byteOffset, channels, bias.length, side, filter),
    correlate: (g, x, target, scale, channels, side, filter) => correlate(
      g.byteOffset, x.byteOffset, target.byteOffset, scale, channels, target.length / (channels * filter * filter), side,
      filter),
  };
};

/* A training in a worker, so that the page stays responsive. The worker is made from the text of the functions above,
   because a page opened from a disk cannot fetch scripts. It is told

     { begin: { settings, seeds, digits, kernels, epochs } }   once, first; kernels are the module's bytes, or nothing
     { go: true } or { go: false }                             to train, to pause
     { one: true }                                             to take one step and show it
     { check: true }                                           to compare gradients
     { read: bytes }                                           to read a digit of 28 x 28 bytes

   and answers with { begun }, { progress }, { measured }, { diverged }, { stepped }, { checked }, { read } or { failed }. */
trainDigits.startWorker = function startWorker() {
  function work(makeEngine, plainKernels, fastKernels) {
    const SLICE = 40, MEMORY = 512; // milliseconds between two looks at the messages; pages of 64 KiB
    let run, going = false, epochs;

    function makeMemory(bytes) {
      if (!bytes) {
        return [plainKernels, (count) => new Float32Array(count)];
      }
      const memory = new WebAssembly.Memory({ initial: MEMORY });
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
      let next = 1024;
      return [fastKernels(exports), (count) => {
        const array = new Float32Array(memory.buffer, next, count);
        next += 16 * Math.ceil(count / 4) + 64;
        return array;
      }];
    }

    function begin({ settings, seeds, digits, kernels, epochs: wanted }) {
      const engine = makeEngine(...makeMemory(kernels));
      run = new engine.Run(settings, seeds, digits);
      epochs = wanted;
      postMessage({ begun: { fast: Boolean(kernels), training: run.training.length, validation: run.validation.length } });
    }

    const epoch = () => run.curves.validation.length;
    const progress = () => ({ epoch: epoch(), done: run.done, of: run.order.length });

    function endEpoch() {
      run.measure();
      postMessage({ measured: run.curves });
      going = going && epoch() < epochs;
    }

    function train() {
      if (!going) {
        return;
      }
      const until = performance.now() + SLICE;
      let more = true;
      while (more && performance.now() < until) {
        more = run.step();
      }
      if (run.diverged) {
        going = false;
        postMessage({ diverged: progress() });
        return;
      }
      if (!more) {
        endEpoch();
      }
      postMessage({ progress: progress() });
      setTimeout(train);
    }

    /* A step whose gradient is shown: the weights move after it is known. */
    function stepOnce() {
      const count = Math.min(run.batchSize, run.order.length - run.done);
      if (epoch() === epochs || run.diverged) {
        return;
      }
      if (!run.gradientOf(count)) {
        postMessage({ diverged: progress() });
        return;
      }
      const { place, label, outputs } = run.latest;
      const maps = run.network.stages.map(({ activation, convolution: { outputs: count, size } }) => (
        { count, side: size, values: activation.gradient.slice() }));
      run.descend();
      postMessage({ stepped: { pixels: run.pixelsAt(place).slice(), label, outputs, maps, ...progress() } });
      if (run.done === run.order.length) {
        endEpoch();
      }
    }

    function check() {
      if (!run.latest) {
        stepOnce();
      }
      postMessage({ checked: run.compareGradients() });
    }

    onmessage = ({ data }) => {
      try {
        if (data.begin) {
          begin(data.begin);
        } else if ("go" in data) {
          const paused = !going;
          going = data.go && epoch() < epochs && !run.diverged;
          if (going && paused) {
            train();
          }
        } else if (data.one) {
          stepOnce();
        } else if (data.check) {
          check();
        } else if (data.read) {
          postMessage({ read: run.read(data.read) });
        }
      } catch (error) {
        postMessage({ failed: String(error) });
      }
    };
  }
  const { makeEngine, plainKernels, fastKernels } = trainDigits;
  const plain = `{ ${Object.values(plainKernels).join(",\n")} }`; // methods, whose text begins with their name
  const text = `"use strict"; (${work})(${makeEngine}, ${plain}, ${fastKernels});`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);
  return worker;
};
