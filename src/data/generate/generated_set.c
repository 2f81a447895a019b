#include "data/generate/generated_set.h"

#include "base/limits.h"
#include "base/slices.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Generator *const generators[] = {&generator_hand, &generator_street, NULL};

/* Stages of generated_image; the generators' own begin at 0. */
enum { STAGE_LABEL = 1000, STAGE_FACTORS };

/* ---- The text ---- */

const Generator *generator_named(const char *text) {
    size_t length = strcspn(text, ":");
    for (const Generator *const *g = generators; *g; g++)
        if (strlen((*g)->name) == length && strncmp((*g)->name, text, length) == 0) return *g;
    return NULL;
}

static int find_factor(const Generator *generator, const char *name) {
    for (int f = 0; f < generator->factor_count; f++)
        if (strcmp(generator->factors[f].name, name) == 0) return f;
    return -1;
}

static cf_status fail_unknown_key(const Generator *generator, const char *key) {
    static const char *const own[] = {"n", "test", "seed", "frequencies"};
    const char *words[MAX_FACTORS + COUNT_OF(own) + 1];
    char list[512] = "";
    size_t count = 0;
    for (int f = 0; f < generator->factor_count; f++) {
        words[count++] = generator->factors[f].name;
        text_append(list, sizeof list, "%s%s", f ? ", " : "", generator->factors[f].name);
    }
    for (size_t i = 0; i < COUNT_OF(own); i++) words[count++] = own[i];
    words[count] = NULL;
    return FAIL(CF_BAD_USE,
                "%s has no factor \"%s\"%s; its factors are %s; besides there are n, test, seed and frequencies",
                generator->name, key, text_hint(key, words), list);
}

cf_status set_item_count(const char *key, const char *value, long long least, size_t *count) {
    long long number;
    FAIL_IF(!text_to_integer(value, least, UINT32_MAX, &number), CF_BAD_USE,
            "%s=%s: a whole number from %lld to %u was expected", key, value, least, UINT32_MAX);
    *count = (size_t)number;
    return CF_OK;
}

static cf_status read_frequencies(const char *value, double frequencies[DIGITS]) {
    double sum = 0;
    if (strcmp(value, "even") == 0 || strcmp(value, "street") == 0) {
        const double *chosen = *value == 'e' ? generator_hand.frequencies : generator_street.frequencies;
        memcpy(frequencies, chosen, DIGITS * sizeof *frequencies);
        return CF_OK;
    }
    const char *at = value;
    for (int k = 0; k < DIGITS; k++) {
        char *end;
        frequencies[k] = strtod(at, &end);
        FAIL_IF(end == at || !(frequencies[k] >= 0 && isfinite(frequencies[k])) ||
                    *end != (k < DIGITS - 1 ? '/' : '\0'),
                CF_BAD_USE,
                "frequencies=%s: even, street or ten numbers of at least 0 with / between them were expected, one for "
                "each digit from 0 to 9",
                value);
        sum += frequencies[k];
        at = end + 1;
    }
    FAIL_IF(!(sum > 0), CF_BAD_USE, "frequencies=%s: at least one must be above 0", value);
    for (int k = 0; k < DIGITS; k++) frequencies[k] /= sum;
    return CF_OK;
}

static cf_status read_range(const Factor *factor, const char *value, double *low, double *high) {
    bool two;
    FAIL_IF(!text_to_range(value, low, high, &two) || *low > *high || *low < factor->lowest || *high > factor->highest,
            CF_BAD_USE, "%s=%s: a number or LOW:HIGH within %g:%g was expected (%s)", factor->name, value,
            factor->lowest, factor->highest, factor->help);
    return CF_OK;
}

/* Where default ranges times the dial leave what is possible, they end there. Adding 0 makes a 0 of -0. */
static double dialled(const Factor *factor, double end, double dial) {
    return fmin(fmax(dial * end, factor->lowest), factor->highest) + 0.0;
}

const char *const set_item_keys[] = {"size", "most", "fit", "broken", "n", "test", NULL};

int set_item_key(const char *item, bool generated) {
    for (int k = 0; k < (generated ? GENERATED_ITEM_KEYS : SET_ITEM_KEYS); k++) {
        const size_t length = strlen(set_item_keys[k]);
        if (strncmp(item, set_item_keys[k], length) == 0 && item[length] == '=') return k;
    }
    return -1;
}

/* One item of the text, cut in place. */
static cf_status read_item(char *item, GeneratedSpec *spec, bool *test_given) {
    char *value = strchr(item, '=');
    if (!value) {
        FAIL_IF(!text_to_number(item, &spec->dial) || spec->dial < 0 || spec->dial > 10, CF_BAD_USE,
                "\"%s\": FACTOR=VALUE, FACTOR=LOW:HIGH, or one number from 0 to 10 for all factors was expected; cifra "
                "data info %s lists the factors",
                item, spec->generator->name);
        return CF_OK;
    }
    if (set_item_key(item, true) >= 0) return CF_OK;
    *value++ = '\0';
    if (strcmp(item, "n") == 0) return set_item_count(item, value, 1, &spec->train);
    if (strcmp(item, "test") == 0) {
        *test_given = true;
        return set_item_count(item, value, 0, &spec->test);
    }
    if (strcmp(item, "frequencies") == 0) return read_frequencies(value, spec->frequencies);
    if (strcmp(item, "seed") == 0) {
        long long seed;
        FAIL_IF(!text_to_integer(value, 0, (long long)LARGEST_SEED, &seed), CF_BAD_USE,
                "seed=%s: a whole number from 0 to " LARGEST_SEED_TEXT " was expected", value);
        spec->seed = (uint64_t)seed;
        return CF_OK;
    }
    const int f = find_factor(spec->generator, item);
    return f < 0 ? fail_unknown_key(spec->generator, item)
                 : read_range(&spec->generator->factors[f], value, &spec->low[f], &spec->high[f]);
}

cf_status generated_spec_read(const char *text, GeneratedSpec *spec) {
    const Generator *generator = generator_named(text);
    FAIL_IF(!generator, CF_INTERNAL, "\"%s\" names no generator", text);
    return generated_spec_read_for(generator, text, spec);
}

cf_status generated_spec_read_for(const Generator *generator, const char *text, GeneratedSpec *spec) {
    GeneratedSpec made = {
        .generator = generator, .train = generator->train, .test = generator->test, .seed = 1, .dial = 1};
    AUTO_FREE char *copy = NULL;
    const char *items = text + strlen(generator->name);
    bool test_given = false;
    memcpy(made.frequencies, generator->frequencies, sizeof made.frequencies);
    for (int f = 0; f < generator->factor_count; f++) made.low[f] = NAN; /* not given */
    FORWARD(memory_copy_string(*items ? items + 1 : "", &copy));
    for (char *rest = copy, *item; (item = strsep(&rest, ","));) {
        const cf_status status = *item ? read_item(item, &made, &test_given) : CF_OK;
        if (status) return status_prefix(status, "data set %s", text);
    }
    /* The dial stands below the factors, wherever it is. */
    for (int f = 0; f < generator->factor_count; f++) {
        const Factor *factor = &generator->factors[f];
        if (!isnan(made.low[f])) continue;
        made.low[f] = dialled(factor, factor->low, made.dial);
        made.high[f] = dialled(factor, factor->high, made.dial);
    }
    /* As many test images for each training image as in the default set. */
    if (!test_given)
        made.test = (size_t)((double)made.train * (double)generator->test / (double)generator->train + 0.5);
    *spec = made;
    return CF_OK;
}

cf_status generated_text_with(const char *text, const char *items, char **laid) {
    size_t length = strlen(text), more = strlen(items);
    const bool begun = strchr(text, ':'), open = length && strchr(":,", text[length - 1]);
    if (length > more && strcmp(text + length - more, items) == 0 && strchr(":,", text[length - more - 1]))
        return memory_copy_string(text, laid);
    return memory_print(laid, "%s%s%s", text, open || !more ? "" : begun ? "," : ":", items);
}

bool generated_text_has(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *item = strchr(text, ':'); item; item = strchr(item, ',')) {
        item++;
        if (strncmp(item, key, length) == 0 && item[length] == '=') return true;
    }
    return false;
}

/* The dial stands in the ranges. */
bool generated_spec_equal(const GeneratedSpec *a, const GeneratedSpec *b) {
    bool equal = a->generator == b->generator && a->train == b->train && a->test == b->test && a->seed == b->seed &&
                 memcmp(a->frequencies, b->frequencies, sizeof a->frequencies) == 0;
    for (int f = 0; equal && f < a->generator->factor_count; f++)
        equal = a->low[f] == b->low[f] && a->high[f] == b->high[f];
    return equal;
}

bool generated_spec_is_shifted(const GeneratedSpec *spec) {
    const Generator *g = spec->generator;
    for (int f = 0; f < g->factor_count; f++)
        if (spec->low[f] != g->factors[f].low || spec->high[f] != g->factors[f].high) return true;
    return memcmp(spec->frequencies, g->frequencies, sizeof spec->frequencies) != 0;
}

cf_status generated_spec_text(const GeneratedSpec *spec, char **text) {
    const Generator *g = spec->generator;
    char line[2048];
    snprintf(line, sizeof line, "generated (%s version %d): seed %llu", g->name, g->version,
             (unsigned long long)spec->seed);
    if (spec->dial != 1) text_append(line, sizeof line, ", all factors x %g", spec->dial);
    for (int f = 0; f < g->factor_count; f++) {
        const Factor *factor = &g->factors[f];
        const double low = spec->low[f], high = spec->high[f];
        if (low == dialled(factor, factor->low, spec->dial) && high == dialled(factor, factor->high, spec->dial))
            continue;
        text_append(line, sizeof line, ", %s %g", factor->name, low);
        if (high != low) text_append(line, sizeof line, ":%g", high);
    }
    if (memcmp(spec->frequencies, g->frequencies, sizeof spec->frequencies) != 0)
        text_append(line, sizeof line, ", other frequencies");
    return memory_copy_string(line, text);
}

/* ---- Random numbers ---- */

static uint64_t writer_of(const GeneratedImage *image) {
    return image->index / DIGITS_PER_WRITER;
}

/* Parts are kept apart by the lowest bit, so that an image does not depend on how many there are. */
Draws draws_of_image(const GeneratedImage *image, uint32_t stage) {
    return (Draws){.stream = rng_stream(image->seed, RNG_IMAGE, image->index << 1 | (uint64_t)image->part, stage)};
}

Draws draws_of_writer(const GeneratedImage *image, uint32_t stage) {
    return (Draws){.stream = rng_stream(image->seed, RNG_WRITER, writer_of(image) << 1 | (uint64_t)image->part, stage)};
}

uint32_t draw_word(Draws *draws) {
    if (draws->left == 0) {
        rng_block(&draws->stream, draws->next++, draws->words);
        draws->left = 4;
    }
    return draws->words[4 - draws->left--];
}

double draw_uniform(Draws *draws) {
    return (double)(draw_word(draws) >> 8) * 0x1p-24;
}

double draw_between(Draws *draws, double low, double high) {
    return low + (high - low) * draw_uniform(draws);
}

int draw_index(Draws *draws, int count) {
    return (int)((uint64_t)draw_word(draws) * (uint64_t)count >> 32);
}

bool draw_chance(Draws *draws, double probability) {
    return draw_uniform(draws) < probability;
}

double draw_normal(Draws *draws) {
    double sum = draw_uniform(draws);
    for (int i = 0; i < 3; i++) sum += draw_uniform(draws);
    return (sum - 2) * 1.7320508075688772;
}

/* ---- Images ---- */

static int draw_label(const GeneratedSpec *spec, const GeneratedImage *image) {
    double sum = 0;
    for (int k = 0; k < DIGITS; k++) sum += spec->frequencies[k];
    if (sum > 0) {
        Draws draws = draws_of_image(image, STAGE_LABEL);
        double at = sum * draw_uniform(&draws);
        int label = 0, last = 0;
        for (double above = 0; label < DIGITS; label++) {
            if (spec->frequencies[label] <= 0) continue;
            last = label;
            above += spec->frequencies[label];
            if (at < above) return label;
        }
        return last; /* by rounding */
    }
    uint32_t order[DIGITS_PER_WRITER] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    Draws draws = draws_of_writer(image, STAGE_LABEL);
    rng_shuffle(&draws.stream, order, DIGITS_PER_WRITER);
    return (int)order[image->index % DIGITS_PER_WRITER];
}

/* Folded back at both ends, a uniform number with a symmetric step added stays uniform. */
static double fold(double x) {
    if (x < 0) x = -x;
    return x > 1 ? 2 - x : x;
}

static void draw_factors(const GeneratedSpec *spec, GeneratedImage *image) {
    const double writers_step = 0.3;
    const Generator *g = spec->generator;
    const RngStream own = draws_of_image(image, STAGE_FACTORS).stream,
                    kept = draws_of_writer(image, STAGE_FACTORS).stream;
    for (int f = 0; f < g->factor_count; f++) {
        double u = (double)rng_uniform(&own, (uint64_t)f);
        if (g->factors[f].keeps) u = fold((double)rng_uniform(&kept, (uint64_t)f) + writers_step * (u - 0.5));
        image->factor[f] = spec->low[f] + (spec->high[f] - spec->low[f]) * u;
    }
}

int generated_image(const GeneratedSpec *spec, int part, uint64_t index, unsigned char *pixels) {
    GeneratedImage image = {.seed = spec->seed, .index = index, .part = part};
    image.label = draw_label(spec, &image);
    draw_factors(spec, &image);
    spec->generator->draw(&image, pixels);
    return image.label;
}

/* ---- Sets ---- */

enum { PIECE = 64 }; /* images that a thread takes at once */

typedef struct Making {
    const GeneratedSpec *spec;
    cf_set *set;
} Making;

static cf_status make_piece(void *context, int64_t piece, int thread) {
    (void)thread;
    const Making *making = context;
    const GeneratedSpec *spec = making->spec;
    cf_set *set = making->set;
    size_t first = (size_t)piece * PIECE, end = first + PIECE < set->count ? first + PIECE : set->count;
    for (size_t i = first; i < end; i++) {
        int part = i >= spec->train;
        unsigned char *pixels = set->pixels + i * set_image_size(set);
        set->labels[i] = (uint16_t)generated_image(spec, part, i - (part ? spec->train : 0), pixels);
    }
    return CF_OK;
}

cf_status generated_set_new(const GeneratedSpec *spec, int threads, cf_set **set) {
    const Generator *g = spec->generator;
    AUTO_FREE char *source = NULL;
    AUTO(cf_set_free_at) cf_set *made = NULL;
    FORWARD(generated_spec_text(spec, &source));
    FORWARD(set_new(g->name, source, spec->train + spec->test, g->channels, g->height, g->width, DIGITS, &made));
    made->official_train = spec->train;
    FORWARD(set_name_classes_by_number(made));
    Making making = {spec, made};
    FORWARD(slices_run(slices_threads(threads), (int64_t)((made->count + PIECE - 1) / PIECE), make_piece, &making));
    *set = memory_take(&made);
    return CF_OK;
}
