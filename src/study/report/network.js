"use strict";
/* The trained network in plain JavaScript: what src/nn does, one image at a time, for looking rather than for speed.
 *
 * Values are Float32Arrays in C x H x W order; weights lie as in model.safetensors (convolutions [K][C][R][S], dense
 * [outputs][C x H x W]). Pixels are bytes in H x W x C order, as in the data set. Sums are formed in double. A word of the
 * line is a row of `words`.
 */
const network = (() => {
    /* ---- From bytes to the input (src/data/prepare.c) ---- */

    /* One axis of a resize: for each new position the old ones that it is made of, as [position, weight] pairs. Smaller is
     * the average of the area under the new pixel, an old pixel being `to` long and a new one `from`, so that every edge is a
     * whole number; larger is linear between pixel centres. Weights and sums are rounded to float32 where prepare.c has floats. */
    function axis(from, to) {
        return Array.from({ length: to }, (_, i) => {
            if (from > to) {
                const begin = i * from, end = begin + from, taps = [];
                for (let old = Math.floor(begin / to); old * to < end; old++) {
                    const cover = Math.min((old + 1) * to, end) - Math.max(old * to, begin);
                    taps.push([old, Math.fround(cover / from)]);
                }
                return taps;
            }
            const centre = Math.max(0, (i + 0.5) * from / to - 0.5), first = Math.min(Math.floor(centre), from - 1);
            const fraction = first === from - 1 ? 0 : centre - first;
            return fraction ? [[first, Math.fround(1 - fraction)], [first + 1, Math.fround(fraction)]] : [[first, 1]];
        });
    }

    function resize(plane, [H, W], [toH, toW]) {
        if (H === toH && W === toW) return plane;
        const columns = axis(W, toW), rows = axis(H, toH), wide = new Float32Array(H * toW);
        const out = new Float32Array(toH * toW);
        for (let y = 0; y < H; y++)
            for (let x = 0; x < toW; x++)
                for (const [from, weight] of columns[x])
                    wide[y * toW + x] += Math.fround(weight * plane[y * W + from]);
        for (let y = 0; y < toH; y++)
            for (const [from, weight] of rows[y])
                for (let x = 0; x < toW; x++) out[y * toW + x] += Math.fround(weight * wide[from * toW + x]);
        return out;
    }

    /* Grey is 0.299 R + 0.587 G + 0.114 B; colour from grey repeats the value. */
    function prepare(pixels, [C, H, W], [toC, toH, toW]) {
        const area = H * W, planes = [];
        for (let c = 0; c < Math.min(C, toC); c++) {
            const plane = new Float32Array(area);
            for (let i = 0; i < area; i++)
                plane[i] = C > toC ? (299 * pixels[3 * i] + 587 * pixels[3 * i + 1] + 114 * pixels[3 * i + 2]) / 255000
                                   : pixels[C * i + c] / 255;
            planes.push(resize(plane, [H, W], [toH, toW]));
        }
        const out = new Float32Array(toC * toH * toW);
        for (let c = 0; c < toC; c++) out.set(planes[Math.min(c, planes.length - 1)], c * toH * toW);
        return out;
    }

    /* ---- Layers ----
     *
     * forward(layer, of, x, second) gives the output; `of` finds a tensor of the layer. back(layer, of, dy, x, k) gives the
     * gradient of input k; convolutions have none, for nobody looks at what lies before the last of them. */

    const size = shape => shape.reduce((a, b) => a * b), area = layer => layer.in[1] * layer.in[2];

    /* The channel of value i. */
    function channelOf(layer) {
        const places = area(layer);
        return i => Math.floor(i / places);
    }

    function conv(layer, of, x) {
        const [C, H, W] = layer.in, [K, P, Q] = layer.out, { R, S, stride, padH, padW, groups, dilation } = layer;
        const weight = of("weight"), bias = of("bias"), y = new Float32Array(K * P * Q), plane = new Float64Array(P * Q);
        const few = C / groups;
        for (let k = 0; k < K; k++) {
            const first = Math.floor(k * groups / K) * few;
            plane.fill(bias ? bias[k] : 0);
            for (let c = 0; c < few; c++)
                for (let r = 0; r < R; r++)
                    for (let s = 0; s < S; s++) {
                        const w = weight[((k * few + c) * R + r) * S + s], from = s * dilation - padW;
                        const begin = Math.max(0, Math.ceil(-from / stride));
                        const end = Math.min(Q, Math.floor((W - 1 - from) / stride) + 1);
                        for (let p = 0; p < P; p++) {
                            const h = p * stride + r * dilation - padH, line = ((first + c) * H + h) * W + from;
                            if (h >= 0 && h < H)
                                for (let q = begin; q < end; q++) plane[p * Q + q] += w * x[line + q * stride];
                        }
                    }
            y.set(plane, k * P * Q);
        }
        return y;
    }

    /* [K][inputs] weights times planes of `area` values: a dense layer is one of area 1. */
    function linear(x, area, weight, bias) {
        const N = x.length / area, K = weight.length / N, y = new Float32Array(K * area), sums = new Float64Array(area);
        for (let k = 0, w = 0; k < K; k++) {
            sums.fill(bias ? bias[k] : 0);
            for (let i = 0; i < x.length; w++)
                for (let p = 0; p < area; p++, i++) sums[p] += weight[w] * x[i];
            y.set(sums, k * area);
        }
        return y;
    }

    function backLinear(dy, area, weight) {
        const K = dy.length / area, N = weight.length / K, dx = new Float64Array(N * area);
        for (let k = 0, w = 0; k < K; k++)
            for (let i = 0; i < dx.length; w++)
                for (let p = 0; p < area; p++, i++) dx[i] += weight[w] * dy[k * area + p];
        return Float32Array.from(dx);
    }

    /* For each output its number and the indices of the values under its window. Padding takes no part: not in the largest, and
     * not in what the average divides by. */
    function eachWindow(layer, visit) {
        const [C, H, W] = layer.in, [, P, Q] = layer.out, { R, S, stride, padH, padW } = layer;
        for (let c = 0, out = 0; c < C; c++)
            for (let p = -padH; p < P * stride - padH; p += stride)
                for (let q = -padW; q < Q * stride - padW; q += stride) {
                    const taps = [];
                    for (let h = Math.max(0, p); h < Math.min(H, p + R); h++)
                        for (let w = Math.max(0, q); w < Math.min(W, q + S); w++) taps.push((c * H + h) * W + w);
                    visit(out++, taps);
                }
    }

    /* Of the average; of the largest, where a NaN wins, as in src/nn. The gradient goes in equal shares to all, or to the first
     * of the largest. */
    const pool = average => ({
        forward(layer, of, x) {
            const y = new Float32Array(size(layer.out));
            eachWindow(layer, (out, taps) => y[out] = average ? taps.reduce((sum, i) => sum + x[i], 0) / taps.length
                : taps.reduce((best, i) => x[i] > best || Number.isNaN(x[i]) ? x[i] : best, -Infinity));
            return y;
        },
        back(layer, of, dy, x) {
            const dx = new Float32Array(x.length);
            eachWindow(layer, (out, taps) => {
                if (average) taps.forEach(i => dx[i] += dy[out] / taps.length);
                else dx[taps.reduce((best, i) => x[i] > x[best] ? i : best)] += dy[out];
            });
            return dx;
        },
    });

    /* (x - mean) x factor + term, with these three of each channel: constants on the way back, as running statistics are. */
    const scaled = coefficients => {
        const all = (layer, of) => Array.from({ length: layer.in[0] }, (_, c) => coefficients(layer, of, c));
        return {
            forward(layer, of, x) {
                const each = all(layer, of), channel = channelOf(layer);
                return x.map((v, i) => {
                    const [factor, mean, term] = each[channel(i)];
                    return (v - mean) * factor + term;
                });
            },
            back(layer, of, dy) {
                const each = all(layer, of), channel = channelOf(layer);
                return dy.map((d, i) => d * each[channel(i)][0]);
            },
        };
    };

    /* What is normed together in one image: layernorm the channels of a position, the others whole channels. */
    function* sets({ kind, number, epsilon, in: [C, H, W] }, x) {
        const across = kind === "layernorm", count = across ? C : x.length / number;
        for (let n = 0; n < x.length / count; n++) {
            const indices = Array.from({ length: count }, (_, i) => across ? n + i * H * W : n * count + i);
            const mean = indices.reduce((sum, i) => sum + x[i], 0) / count;
            const variance = indices.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / count;
            yield { indices, mean, factor: 1 / Math.sqrt(variance + epsilon) };
        }
    }

    const norm = {
        forward(layer, of, x) {
            const weight = of("weight"), bias = of("bias"), y = new Float32Array(x.length), channel = channelOf(layer);
            for (const { indices, mean, factor } of sets(layer, x))
                for (const i of indices) {
                    const c = channel(i), normed = (x[i] - mean) * factor;
                    y[i] = weight ? normed * weight[c] + bias[c] : normed;
                }
            return y;
        },
        back(layer, of, dy, x) {
            const weight = of("weight"), dx = new Float32Array(x.length), channel = channelOf(layer);
            for (const { indices, mean, factor } of sets(layer, x)) {
                const d = indices.map(i => weight ? dy[i] * weight[channel(i)] : dy[i]);
                const normed = indices.map(i => (x[i] - mean) * factor), count = indices.length;
                const plain = d.reduce((a, b) => a + b) / count;
                const along = d.reduce((sum, v, n) => sum + v * normed[n], 0) / count;
                indices.forEach((i, n) => dx[i] = (d[n] - plain - normed[n] * along) * factor);
            }
            return dx;
        },
    };

    /* Squeeze and excitation: the factors of the channels, and the hidden values on the way to them. */
    function excite(layer, of, x) {
        const channel = channelOf(layer), means = new Float64Array(layer.in[0]);
        x.forEach((v, i) => means[channel(i)] += v / area(layer));
        const hidden = linear(means, 1, of("fc1.weight"), of("fc1.bias")).map(v => v > 0 ? v : 0 * v);
        return { hidden, factors: linear(hidden, 1, of("fc2.weight"), of("fc2.bias")).map(sigmoid) };
    }

    const se = {
        forward(layer, of, x) {
            const { factors } = excite(layer, of, x), channel = channelOf(layer);
            return x.map((v, i) => v * factors[channel(i)]);
        },
        back(layer, of, dy, x) {
            const { hidden, factors } = excite(layer, of, x), channel = channelOf(layer), d = new Float64Array(factors.length);
            dy.forEach((v, i) => d[channel(i)] += v * x[i]);
            const opened = d.map((v, c) => v * factors[c] * (1 - factors[c]));
            const squeezed = backLinear(opened, 1, of("fc2.weight")).map((v, i) => hidden[i] > 0 ? v : 0 * v);
            const means = backLinear(squeezed, 1, of("fc1.weight"));
            return dy.map((v, i) => v * factors[channel(i)] + means[channel(i)] / area(layer));
        },
    };

    /* For each head and query: where the head's planes begin in queries, keys and values alike; the query; its softmax. */
    function eachQuery(layer, projected, visit) {
        const C = layer.in[0], L = area(layer), d = C / layer.number, scores = new Float64Array(L);
        for (let first = 0; first < C * L; first += d * L)
            for (let i = 0; i < L; i++) {
                scores.fill(0);
                for (let q = first; q < first + d * L; q += L)
                    for (let j = 0; j < L; j++) scores[j] += projected[q + i] * projected[C * L + q + j] / Math.sqrt(d);
                visit(first, i, softmax(scores));
            }
    }

    const attention = {
        forward(layer, of, x) {
            const C = layer.in[0], L = area(layer), depth = C * L / layer.number, y = new Float32Array(x.length);
            const projected = linear(x, L, of("in_proj_weight"), of("in_proj_bias"));
            eachQuery(layer, projected, (first, i, p) => {
                for (let v = first; v < first + depth; v += L)
                    y[v + i] = p.reduce((sum, share, j) => sum + share * projected[2 * C * L + v + j], 0);
            });
            return linear(y, L, of("out_proj.weight"), of("out_proj.bias"));
        },
        back(layer, of, dy, x) {
            const C = layer.in[0], L = area(layer), depth = C * L / layer.number, root = Math.sqrt(depth / L);
            const projected = linear(x, L, of("in_proj_weight"), of("in_proj_bias")), d = new Float64Array(3 * C * L);
            const attended = backLinear(dy, L, of("out_proj.weight")), keys = C * L, values = 2 * C * L;
            eachQuery(layer, projected, (first, i, p) => {
                const shares = new Float64Array(L);
                for (let v = first; v < first + depth; v += L)
                    for (let j = 0; j < L; j++) {
                        d[values + v + j] += p[j] * attended[v + i];
                        shares[j] += projected[values + v + j] * attended[v + i];
                    }
                const mean = shares.reduce((sum, s, j) => sum + s * p[j], 0);
                for (let q = first; q < first + depth; q += L)
                    for (let j = 0; j < L; j++) {
                        const score = p[j] * (shares[j] - mean) / root;
                        d[q + i] += score * projected[keys + q + j];
                        d[keys + q + j] += score * projected[q + i];
                    }
            });
            return backLinear(d, L, of("in_proj_weight"));
        },
    };

    const sigmoid = v => 1 / (1 + Math.exp(-v)), density = v => Math.exp(-v * v / 2) / Math.sqrt(2 * Math.PI);

    /* The normal distribution: 1/2 + density x (v + v^3 / 3 + v^5 / (3 x 5) + ..). */
    function normal(v) {
        if (!(Math.abs(v) < 9)) return v > 0 ? 1 : 0 * v;
        let sum = v;
        for (let n = 3, term = v; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= v * v / n;
        return 0.5 + density(v) * sum;
    }

    /* Functions of each value, with their derivatives. */
    const pointwise = (f, derivative) => ({
        forward: (layer, of, x) => x.map(v => f(v, layer.slope)),
        back: (layer, of, dy, x) => dy.map((d, i) => d * derivative(x[i], layer.slope)),
    });

    const rectifier = pointwise((v, slope) => v > 0 ? v : v * slope, (v, slope) => v > 0 ? 1 : slope);

    const activations = {
        relu: rectifier,
        leakyrelu: rectifier,
        relu6: pointwise(v => v > 6 ? 6 : v > 0 ? v : 0 * v, v => v > 0 && v < 6 ? 1 : 0),
        silu: pointwise(v => v * sigmoid(v), v => sigmoid(v) * (1 + v * (1 - sigmoid(v)))),
        gelu: pointwise(v => v * normal(v), v => normal(v) + v * density(v)),
        hardswish: pointwise(v => v * Math.min(6, Math.max(0, v + 3)) / 6, v => v > 3 ? 1 : v < -3 ? 0 : v / 3 + 0.5),
        sigmoid: pointwise(sigmoid, v => sigmoid(v) * (1 - sigmoid(v))),
    };

    const same = { forward: (layer, of, x) => x, back: (layer, of, dy) => dy };
    const convolutions = { conv: { forward: conv }, dwconv: { forward: conv }, patch: { forward: conv } };

    const words = {
        ...convolutions,
        ...activations,
        dense: {
            forward: (layer, of, x) => linear(x, 1, of("weight"), of("bias")),
            back: (layer, of, dy) => backLinear(dy, 1, of("weight")),
        },
        bn: scaled(({ epsilon }, of, c) =>
            [of("weight")[c] / Math.sqrt(of("running_var")[c] + epsilon), of("running_mean")[c], of("bias")[c]]),
        normalize: scaled(({ number, means, deviations }, of, c) =>
            [1 / deviations[number > 1 ? c : 0], means[number > 1 ? c : 0], 0]),
        groupnorm: norm,
        instancenorm: norm,
        layernorm: norm,
        standardize: norm,
        maxpool: pool(false),
        globalmaxpool: pool(false),
        avgpool: pool(true),
        globalavgpool: pool(true),
        dropout: same, /* the identity outside training */
        droppath: same,
        reverse: same,
        add: { forward: (layer, of, x, second) => x.map((v, i) => v + second[i]), back: same.back },
        concat: {
            forward: (layer, of, x, second) => {
                const y = new Float32Array(x.length + second.length);
                y.set(x);
                y.set(second, x.length);
                return y;
            },
            back: (layer, of, dy, x, k) => k ? dy.subarray(size(layer.in)) : dy.subarray(0, size(layer.in)),
        },
        se,
        attention,
        position: { /* weights are [H x W][C] */
            forward: (layer, of, x) => {
                const weight = of("weight"), channel = channelOf(layer);
                return x.map((v, i) => v + weight[i % area(layer) * layer.in[0] + channel(i)]);
            },
            back: same.back,
        },
    };

    function softmax(x) {
        const largest = x.reduce((a, b) => Math.max(a, b)), e = Array.from(x, v => Math.exp(v - largest));
        const sum = e.reduce((a, b) => a + b, 0);
        return e.map(v => v / sum);
    }

    function tensor(model, layer, what) {
        const place = model.tensors[layer.name + "." + what];
        return place && model.weights.subarray(place[0], place[0] + place[1]);
    }

    /* Whether the classes' output needs a layer, for each: a second head is not run. */
    function needed({ layers, output }) {
        const marks = layers.map((_, n) => n === output);
        for (let n = output; n >= 0; n--)
            if (marks[n]) layers[n].inputs.forEach(input => marks[input] = true);
        return marks;
    }

    /* All layers from number `first` on. values[n + 1] is the output of layer n, values[0] the input of the model. */
    function run(model, values, first = 0) {
        const marks = needed(model);
        for (let n = first; n <= model.output; n++) {
            const layer = model.layers[n];
            if (marks[n])
                values[n + 1] = words[layer.kind].forward(layer, what => tensor(model, layer, what),
                    ...layer.inputs.map(input => values[input + 1]));
        }
        return values;
    }

    /* Probabilities of the model's classes; `shape` is [channels, height, width] of the pixels. */
    function classify(model, pixels, shape) {
        return softmax(run(model, [prepare(pixels, shape, model.input)])[model.output + 1]);
    }

    /* ---- Grad-CAM: where it looks (src/eval/grad_cam.h defines the map) ---- */

    /* The number of the layer that gives A: the last convolution, or the norm, the addition and the activation directly
     * behind it; -1: none. */
    function lookedAt(model) {
        const { layers, output } = model, marks = needed(model), read = layers.flatMap(layer => layer.inputs);
        let at = layers.map((layer, n) => marks[n] && layer.kind in convolutions).lastIndexOf(true);
        for (let step = 0; step < 3 && at >= 0 && at < output; step++) {
            const next = layers[at + 1], ends = next.kind in activations;
            if (next.inputs[0] !== at || read.filter(input => input === at).length !== 1) break;
            if (!ends && next.kind !== "bn" && next.kind !== "add") break;
            at++;
            if (ends) break;
        }
        return at;
    }

    /* All values, and dy/dA of the class's logit y, C x H x W, for a prepared input x; A is values[at + 1]. */
    function gradient(model, x, label) {
        const at = lookedAt(model), values = run(model, [x]), gradients = values.map(() => null);
        gradients[model.output + 1] = values[model.output + 1].map((_, c) => c === label);
        for (let n = model.output; n > at; n--) {
            const layer = model.layers[n], of = what => tensor(model, layer, what), dy = gradients[n + 1];
            if (!dy) continue;
            layer.inputs.forEach((input, k) => {
                if (input < at) return;
                const d = words[layer.kind].back(layer, of, dy, values[layer.inputs[0] + 1], k);
                gradients[input + 1] = gradients[input + 1]?.map((v, i) => v + d[i]) ?? d;
            });
        }
        return { values, at, dA: gradients[at + 1] };
    }

    /* max(0, sum over channels of mean(dy/dA) x A), as { values, shape: [height, width] }; null without a convolution. */
    function gradCam(model, pixels, shape, label) {
        if (lookedAt(model) < 0) return null;
        const { values, at, dA } = gradient(model, prepare(pixels, shape, model.input), label), A = values[at + 1];
        const [C, H, W] = model.layers[at].out, places = H * W, sums = new Float64Array(places);
        for (let c = 0; c < C; c++) {
            let weight = 0;
            for (let i = 0; i < places; i++) weight += dA[c * places + i] / places;
            for (let i = 0; i < places; i++) sums[i] += weight * A[c * places + i];
        }
        return { values: Float32Array.from(sums, v => Math.max(0, v)), shape: [H, W] };
    }

    /* Attention rollout (src/eval/attention_rollout.h defines the map), as gradCam; null without attention. */
    function rollout(model, pixels, shape) {
        const marks = needed(model), layers = model.layers.filter((layer, n) => marks[n] && layer.kind === "attention");
        if (!layers.length) return null;
        const [, H, W] = layers.at(-1).out, L = H * W, values = run(model, [prepare(pixels, shape, model.input)]);
        let row = new Float64Array(L).fill(1 / L);
        for (const layer of layers.reverse()) {
            if (layer.out[1] !== H || layer.out[2] !== W) break;
            const of = what => tensor(model, layer, what), next = row.map(v => v / 2);
            eachQuery(layer, linear(values[layer.inputs[0] + 1], L, of("in_proj_weight"), of("in_proj_bias")),
                (first, i, p) => p.forEach((share, j) => next[j] += row[i] / 2 * share / layer.number));
            row = next;
        }
        return { values: row, shape: [H, W] };
    }

    return { prepare, resize, run, classify, lookedAt, gradient, gradCam, rollout };
})();
