/* Rows of options that several commands have. The last argument of such a row is the member, as OPTION_MEMBER(Struct, member). */
#pragma once

#include "base/limits.h"
#include "base/slices.h"
#include "cli/options.h"
#include "draw/canvas.h"
#include "study/figures/figure_book.h"
#include "study/run/run.h"

/* ---- Of all kinds ---- */

#define CHANGES_SPEED "0: all processors; changes speed, never numbers"
#define OPTION_THREADS(what, ...)                                                                                      \
    { "threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = (what), .usual = "0", __VA_ARGS__ }
#define OPTION_MODEL(what, usually, ...)                                                                               \
    { "model", "NAME|LINE", OPTION_TEXT, .help = (what), .default_text = (usually), __VA_ARGS__ }
#define A_MODEL "a name (cifra models lists them), or a line of layers"
#define OPTION_PRECISION(what, usually, ...)                                                                           \
    {                                                                                                                  \
        "precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = (what), .default_text = (usually),       \
                                          __VA_ARGS__                                                                  \
    }

/* ---- The set, and its parts ---- */

#define OPTION_DATA(...)                                                                                               \
    { "data", "SET", OPTION_TEXT, .help = "a set by name (cifra data list) or by path", __VA_ARGS__ }
#define OPTION_DATA_DIR(...)                                                                                           \
    {                                                                                                                  \
        "data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",     \
                                        __VA_ARGS__                                                                    \
    }
#define OPTION_SPLIT(what, ...)                                                                                        \
    {                                                                                                                  \
        "split", "MODE", OPTION_TEXT, .help = (what),                                                                  \
                                      .default_text = "official; pooled for a set without a test part", __VA_ARGS__    \
    }
/* Which images of what a run is evaluated on: a place in part_words, where it is given. */
#define OPTION_PART(what, ...)                                                                                         \
    {                                                                                                                  \
        "split", NULL, OPTION_CHOICE,                                                                                  \
            .choices = part_words, .help = (what),                                                                     \
            .default_text = "test; for other data official-test, or all where there is none", __VA_ARGS__              \
    }
extern const char *const part_words[];
#define OPTION_VALIDATION(what, ...)                                                                                   \
    { "validation", "X", OPTION_NUMBER, 0.001, 0.9, .help = (what), .usual = "0.1", __VA_ARGS__ }
#define OPTION_SPLIT_SEED(what, ...)                                                                                   \
    { "split-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = (what), .usual = "1", __VA_ARGS__ }
#define OPTION_CLASSES(...)                                                                                            \
    { "classes", "A,B", OPTION_TEXT, .help = "only these classes, by name", __VA_ARGS__ }
#define OPTION_LIMIT(what, ...)                                                                                        \
    { "limit", "A:N,B:M", OPTION_TEXT, .help = (what), __VA_ARGS__ }
#define AT_MOST_OF_A_CLASS "at most so many training images of a class"
/* Those behind --split; `set`: a ConfigArguments. */
#define PART_OPTIONS(type, set, what_seed, what_limit)                                                                 \
    OPTION_SPLIT_SEED(what_seed, OPTION_MEMBER(type, set.parts.seed)),                                                 \
        {"unstratified", NULL, OPTION_FLAG, .help = "do not keep the classes' shares equal over the parts",            \
         OPTION_MEMBER(type, set.unstratified)},                                                                       \
        OPTION_CLASSES(OPTION_MEMBER(type, set.parts.classes)),                                                        \
        OPTION_LIMIT(what_limit, OPTION_MEMBER(type, set.parts.train_limit))

/* ---- The dials of generated data, and how images are read ----
 *
 * They are laid onto the set's text (--data street --shift blur=0:2 -n 1000 is --data street:blur=0:2,n=1000, --data photos --size 64
 * is --data photos:size=64x64), so that config.json, messages and the library know one name and a run repeats exactly. */

typedef struct DataDials {
    const char *shift;      /* items as in a set's text, or NULL */
    int64_t count, seed;    /* 0 and -1: not given */
    const int64_t *test;    /* of the one command that has it; NULL: not given */
    const char *size, *fit; /* NULL: not given */
    bool skip_broken;
} DataDials;

#define DATA_OPTION_SHIFT(type, dials)                                                                                               \
    {                                                                                                                                \
        "shift", "SPEC", OPTION_TEXT,                                                                                                \
            .help =                                                                                                                  \
                "generated data with other factors: \"blur=2:4,noise=0\", or one number for all; cifra data info street lists them", \
            OPTION_MEMBER(type, dials.shift)                                                                                         \
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
                                                    .unset = -1, OPTION_MEMBER(type, dials.seed)                       \
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

/* The set with its dials; `set`: a ConfigArguments. */
#define SET_OPTIONS(type, set)                                                                                         \
    OPTION_DATA(OPTION_MEMBER(type, set.data)), OPTION_DATA_DIR(OPTION_MEMBER(type, set.data_dir)),                    \
        DATA_OPTIONS(type, set.dials)

/* The set's text with the dials laid on, in a new string; without any, the text as it is. Dials on a set that is not
 * generated are an error. */
cf_status data_dials_lay(const char *set, const DataDials *dials, char **text);
/* What a command on a run evaluates: `given`, or the run's `own` set with the dials laid on; NULL where neither is asked for: the
 * run's own as it is. Release with free(). */
cf_status data_chosen(const char *given, const char *own, const DataDials *dials, char **text);
/* CF_BAD_USE where no set is named. */
cf_status data_needed(const char *data);

/* ---- A configuration ---- */

/* What a command is told of its data, its network and its split. */
typedef struct ConfigArguments {
    const char *data, *data_dir, *model, *split;
    DataDials dials;
    cf_split_options parts; /* but for its mode and `stratified` */
    bool unstratified;
} ConfigArguments;

/* Lays what was given over what a configuration holds. CF_BAD_USE where it has no data then. */
cf_status config_lay(const Arguments *given, const ConfigArguments *arguments, RunConfig *config);
/* The options of a training that were given, and the threads. */
void config_lay_training(const Arguments *given, const cf_train_options *arguments, RunConfig *config);
/* The split that is asked for of a set, by itself; its texts are the arguments'. */
cf_status split_asked(const ConfigArguments *arguments, const cf_set *set, cf_split_options *split);

/* ---- Figures ---- */

typedef struct FigureDials {
    const char *list; /* NULL: svg */
    int theme, dpi;   /* a place in theme_words; 0: USUAL_DPI */
} FigureDials;

#define FIGURE_OPTION_LOOK(type, theme_member, dpi_member)                                                             \
    {"theme",                                                                                                          \
     NULL,                                                                                                             \
     OPTION_CHOICE,                                                                                                    \
     .choices = theme_words,                                                                                           \
     .help = "colours of figure files; print: for paper",                                                              \
     .default_text = "light",                                                                                          \
     OPTION_MEMBER(type, theme_member)},                                                                               \
    {                                                                                                                  \
        "dpi", "N", OPTION_INTEGER, LEAST_DPI, MOST_DPI, .help = "pixels per inch of PNG files",                       \
                                                         .default_text = "300", OPTION_MEMBER(type, dpi_member)        \
    }
/* `what`: where they lie, or when they are drawn. */
#define FIGURE_OPTIONS(type, dials, what, usual)                                                                       \
    {"figures",                                                                                                        \
     "LIST",                                                                                                           \
     OPTION_TEXT,                                                                                                      \
     .help = what ": svg, png, pdf between commas, or none",                                                           \
     .default_text = usual,                                                                                            \
     OPTION_MEMBER(type, dials.list)},                                                                                 \
        FIGURE_OPTION_LOOK(type, dials.theme, dials.dpi)

cf_status figure_dials_read(const FigureDials *dials, unsigned *formats);
