/* Muon (Jordan et al. 2024): matrices of weights step along their momentum, whose singular values are brought near 1 by
 * Newton-Schulz's iteration. A convolution's weights are the matrix [K][C * R * S]. Not among them are norms, biases and positions,
 * nor the layers that give the network's outputs: AdamW steps those (optimizer.c).
 *
 * As the authors' code: m += (1 - momentum) (g - m); G = g + momentum (m - g) (Nesterov's); X = G / (|G| + 1e-7), transposed where it
 * has more rows than columns; so many times A = X X^T, X = 3.4445 X + (-4.7750 A + 2.0315 A A) X; w -= rate * weight_decay * w;
 * w -= rate * sqrt(max(1, rows / columns)) X. In float32, where theirs has bfloat16.
 */
#pragma once

#include "nn/engine.h"
#include "nn/parameters.h"

typedef struct Muon Muon;

/* How a tensor of weights is stepped. */
typedef struct Pace {
    bool learns;   /* false: neither it nor its moments change, and weight decay leaves it alone */
    double factor; /* of the rate */
    int64_t since; /* the steps that were done when it began to learn: Adam corrects its moments by its own steps */
} Pace;

/* Of `options` it reads momentum, weight_decay and muon_steps; `paces` as optimizer_pace has them. A network without such matrices has none
 * to step. */
cf_status muon_new(const cf_train_options *options, const Kernels *kernels, const Parameters *parameters,
                   const Pace *paces, Muon **muon);
void muon_free(Muon *muon);
AUTO_HANDLE(Muon, muon_free)
/* Whether it steps tensor i of the parameters' table. */
bool muon_has(const Muon *muon, int i);
/* Weights, gradient and momentum lie as the parameters' trainable values. finite: whether all weights of its are, after it. */
cf_status muon_step(Muon *muon, float *weights, const float *gradient, float *momentum, double rate, int threads,
                    bool *finite);
