#include "base/rng.h"

#include <math.h>

static void philox_round(uint32_t c[4], const uint32_t k[2]) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t c1 = c[1], c3 = c[3];
    c[0] = (uint32_t)(b >> 32) ^ c1 ^ k[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c3 ^ k[1];
    c[3] = (uint32_t)a;
}

void rng_philox(uint32_t counter[4], const uint32_t key[2]) {
    uint32_t k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        if (round) k[0] += 0x9E3779B9u, k[1] += 0xBB67AE85u;
        philox_round(counter, k);
    }
}

RngStream rng_stream(uint64_t seed, RngPurpose purpose, uint64_t major, uint32_t minor) {
    /* The stream's own name goes through the cipher once, so that streams differ in key and in counter. */
    uint32_t name[4] = {(uint32_t)major, (uint32_t)(major >> 32), minor, (uint32_t)purpose};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    rng_philox(name, key);
    return (RngStream){{name[0], name[1]}, {name[2], name[3]}};
}

void rng_block(const RngStream *stream, uint64_t item, uint32_t words[4]) {
    words[0] = (uint32_t)item;
    words[1] = (uint32_t)(item >> 32);
    words[2] = stream->high[0];
    words[3] = stream->high[1];
    rng_philox(words, stream->key);
}

float rng_uniform(const RngStream *stream, uint64_t item) {
    uint32_t words[4];
    rng_block(stream, item / 4, words);
    return (float)(words[item % 4] >> 8) * 0x1p-24f;
}

double rng_normal(const RngStream *stream, uint64_t item) {
    uint32_t words[4];
    rng_block(stream, item, words);
    double u = ((double)words[0] + 0.5) * 0x1p-32, v = ((double)words[1] + 0.5) * 0x1p-32;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void rng_shuffle(const RngStream *stream, uint32_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        uint32_t words[4];
        rng_block(stream, i, words);
        uint64_t bits = (uint64_t)words[0] << 32 | words[1];
        size_t j = (size_t)(((unsigned __int128)bits * i) >> 64);
        uint32_t kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
