/* The options that turn the dials of generated data, and those that say how images are read, wherever a command takes a set. They
 * are laid onto the set's text (--data street --shift blur=0:2 -n 1000 is --data street:blur=0:2,n=1000, --data photos --size 64 is
 * --data photos:size=64x64), so that config.json, messages and the library know one name and a run repeats exactly. */
#pragma once

#include "base/limits.h"
#include "cli/options.h"

typedef struct DataDials {
    const char *shift;         /* items as in a set's text, or NULL */
    int64_t count, test, seed; /* -1: not given */
    const char *size, *fit;    /* NULL: not given */
    bool skip_broken;
} DataDials;

/* To begin with; a command's set_defaults must use it. */
#define DATA_DIALS_NONE ((DataDials){.count = -1, .test = -1, .seed = -1})

#define DATA_OPTION_SHIFT(type, dials)                                                                                 \
    {                                                                                                                  \
        "shift", "SPEC", OPTION_TEXT,                                                                                  \
            .help = "generated data with other factors: \"blur=2:4,noise=0\", or one number "                          \
                    "for all; cifra data info street lists them",                                                      \
            OPTION_MEMBER(type, dials.shift)                                                                           \
    }
#define DATA_OPTION_COUNT(type, dials)                                                                                 \
    {                                                                                                                  \
        "count", "N", OPTION_INTEGER, 1, UINT32_MAX, .letter = 'n', .help = "generated data: so many training images", \
                                                     .default_text = "as many as the real set has",                    \
                                                     OPTION_MEMBER(type, dials.count)                                  \
    }
#define DATA_OPTION_SEED(type, dials, name)                                                                            \
    {                                                                                                                  \
        name, "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "generated data: which images", .default_text = "1",       \
                                                    OPTION_MEMBER(type, dials.seed)                                    \
    }
/* How images are read, of any set. */
#define DATA_OPTION_READING(type, dials)                                                                               \
    {"size",                                                                                                           \
     "N|WxH",                                                                                                          \
     OPTION_TEXT,                                                                                                      \
     .help = "read images at this size, in pixels; photographs take no more memory than that",                         \
     .default_text = "as they are; folders: the model's input, or the commonest size",                                 \
     OPTION_MEMBER(type, dials.size)},                                                                                 \
        {"fit",                                                                                                        \
         "HOW",                                                                                                        \
         OPTION_TEXT,                                                                                                  \
         .help = "images of another shape: squash (sides stretched), crop (the middle), pad (black beside it)",        \
         .default_text = "squash",                                                                                     \
         OPTION_MEMBER(type, dials.fit)},                                                                              \
    {                                                                                                                  \
        "skip-broken", NULL, OPTION_FLAG,                                                                              \
            .help = "leave pictures out that cannot be read, instead of naming them and stopping",                     \
            OPTION_MEMBER(type, dials.skip_broken)                                                                     \
    }
/* All of them, as most commands have them. */
#define DATA_OPTIONS(type, dials)                                                                                      \
    DATA_OPTION_SHIFT(type, dials), DATA_OPTION_COUNT(type, dials), DATA_OPTION_SEED(type, dials, "data-seed"),        \
        DATA_OPTION_READING(type, dials)

/* The set's text with the dials laid on, in a new string; without any, the text as it is. Dials on a set that is not
 * generated are an error. */
cf_status data_dials_lay(const char *set, const DataDials *dials, char **text);
/* What a command on a run evaluates: `given`, or the run's `own` set with the dials laid on; NULL where neither is asked for: the
 * run's own as it is. Release with free(). */
cf_status data_chosen(const char *given, const char *own, const DataDials *dials, char **text);
