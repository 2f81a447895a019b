/* Sets made by a generator, named by a text:
 *
 *   hand                                the default set
 *   street:blur=0:2,polarity=0.5        factors with other ranges (one number: that value always)
 *   street:0  street:0.5,noise=0        a number alone is the dial: all default ranges times it; 0 is the clean set
 *   hand:n=1000,test=200,seed=7         training images, test images (default: in the default sets' ratio), seed
 *   hand:frequencies=street             shares of the digits: even, street, or ten numbers 0 .. 9 as 5/1/1/1/1/1/1/1/1/1
 */
#pragma once

#include "data/generate/generator.h"
#include "data/image_set.h"

/* Ends with NULL. */
extern const Generator *const generators[];

typedef struct GeneratedSpec {
    const Generator *generator;
    size_t train, test;
    uint64_t seed;
    double frequencies[DIGITS]; /* shares, of any sum; all 0: each writer writes each digit once */
    double dial;                /* of all default ranges; those that were given stand apart from it */
    double low[MAX_FACTORS], high[MAX_FACTORS];
} GeneratedSpec;

/* Items of any set's text that say how it is read (data/set_text.h), which a generator passes over. Of the last two it has its own. */
enum { KEY_SIZE, KEY_MOST, KEY_FIT, KEY_BROKEN, KEY_TRAIN, KEY_TEST, SET_ITEM_KEYS, GENERATED_ITEM_KEYS = KEY_TRAIN };
extern const char *const set_item_keys[]; /* ends with NULL */
/* The place among these of the key of an item KEY=VALUE, or -1. */
int set_item_key(const char *item, bool generated);
/* KEY=VALUE, a number of images. */
cf_status set_item_count(const char *key, const char *value, long long least, size_t *count);

/* The generator that `text` asks for ("hand", or "hand:..."), or NULL: then it is some other set. */
const Generator *generator_named(const char *text);
/* Reads a set's text, which must name a generator. */
cf_status generated_spec_read(const char *text, GeneratedSpec *spec);
/* The same for the text of a generator that is at hand. */
cf_status generated_spec_read_for(const Generator *generator, const char *text, GeneratedSpec *spec);
/* A set's text with more items behind its own, which they override: "street" and "blur=0,n=9" give "street:blur=0,n=9".
 * Items that it ends with already are not written again. Release with free(). */
cf_status generated_text_with(const char *text, const char *items, char **laid);
/* Whether the text has an item KEY=..., such as n. */
bool generated_text_has(const char *text, const char *key);
/* Whether two texts ask for the same images in the same order. */
bool generated_spec_equal(const GeneratedSpec *a, const GeneratedSpec *b);
/* Whether any factor or the frequencies are other than by default, so that the images are of another kind. */
bool generated_spec_is_shifted(const GeneratedSpec *spec);
/* One line: "generated (hand version 1): seed 7, all factors x 0.5, slant 0". Release with free(). */
cf_status generated_spec_text(const GeneratedSpec *spec, char **text);
/* Draws one image of a part (0 training, 1 test) and returns its label. */
int generated_image(const GeneratedSpec *spec, int part, uint64_t index, unsigned char *pixels);
/* All of it, on all processors; not sealed. The bytes do not depend on the number of threads (0: all processors). */
cf_status generated_set_new(const GeneratedSpec *spec, int threads, cf_set **set);
