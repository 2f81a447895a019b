/* The options of a training, one row each. What a row says is all that the rest of the program knows of an option: the defaults and
 * the checks of cf_train, the flags of `cifra train` and `cifra tune` and their help, config.json, recipes, search spaces, and what
 * must be equal for a training to be resumed.
 *
 * A new option is a field of cf_train_options, its row in train_options.c, and the code that follows it. Files from before
 * it was there (config.json, checkpoints, tunes, studies) mean its default and go on: it stands in none of them where it has that
 * (only those of version 0.1 do: `always_written`).
 */
#pragma once

#include "base/status.h"

#include <jansson.h>

/* By the type of the field: int, double, an enumeration, bool, uint64_t, char[CF_LINE]. */
typedef enum TrainKind { TRAIN_WHOLE, TRAIN_NUMBER, TRAIN_WORD, TRAIN_SWITCH, TRAIN_SEED, TRAIN_LINE } TrainKind;

typedef enum TrainEffect {
    CHANGES_NUMBERS,       /* must be the same */
    CHANGES_NOTHING,       /* of the weights of an epoch: may be another one when a training is resumed */
    CHANGES_WITH_SCHEDULE, /* must be the same unless the rate is constant and nothing waits for a share of the epochs */
} TrainEffect;

typedef struct TrainOption {
    const char *name, *flag; /* "weight_decay" in JSON, YAML and messages; "weight-decay" for --weight-decay */
    const char *argument;    /* what stands for the value in help: "N"; NULL: the words */
    size_t offset, size;     /* of the field in cf_train_options */
    TrainKind kind;
    double usual, low, high;  /* the default, and the range, to which both belong; of words their places in `words` */
    const char *const *words; /* of a word or a switch; ends with NULL */
    const char *usual_line;   /* of a line: its default */
    /* Of a line: whether it is one; the message does not name the option. */
    cf_status (*check)(const char *line);
    const char
        *example; /* of a line: one that is right and not the default. Of others: one that tests use; NULL: any */
    const char *works_with; /* "optimizer=adam": a setting without which this one has no effect; NULL: none */
    TrainEffect effect;
    bool fixed;                /* may be no parameter of a search space */
    bool always_written;       /* stands in files at its default, too, as those of version 0.1 have it */
    const char *settings_name; /* in a checkpoint's settings; NULL: `name` */
    const char *help;          /* one sentence without a full stop */
} TrainOption;

enum { MOST_TRAIN_OPTIONS = 64, MOST_TRAIN_LINES = 12, TRAIN_OPTION_TEXT = CF_LINE };
/* Room for all of them: "name=value " each. */
enum { TRAIN_OPTIONS_TEXT = MOST_TRAIN_OPTIONS * (24 + 40) + MOST_TRAIN_LINES * TRAIN_OPTION_TEXT };

/* In the order of help and files; ends with a row without a name. */
extern const TrainOption train_options[];
/* "f32", "bf16": for other commands that have the choice. */
extern const char *const precision_words[];

/* Every option within its range. A message names it: "batch: a whole number from 1 to 65536 expected, found 0". */
cf_status train_options_check(const cf_train_options *options);
/* Whether options that are each within their range contradict each other, as a training finds when it begins: CF_BAD_USE. Needs no
 * data, so a search can ask before there is a network. */
cf_status train_options_check_together(const cf_train_options *options);
/* From what somebody typed, or a document has (NULL: it has none); messages do not name the option, lest callers do it twice. */
cf_status train_option_set(const TrainOption *option, const char *text, cf_train_options *options);
cf_status train_option_set_json(const TrainOption *option, const json_t *value, cf_train_options *options);
/* Whether a text is a line of the option: short enough, and right. */
cf_status train_line_check(const TrainOption *option, const char *line);
void train_option_copy(const TrainOption *option, const cf_train_options *from, cf_train_options *to);

/* "0.005", "sgd", "shift 2 | rotate 10"; numbers with so many digits, 17 for all that there are. */
void train_option_text(const TrainOption *option, const cf_train_options *options, int digits,
                       char text[TRAIN_OPTION_TEXT]);
json_t *train_option_json(const TrainOption *option, const cf_train_options *options);
/* {"batch": 128, ..}: options that are `always_written`, others where they are not at their defaults. A new reference; NULL without
 * memory. */
json_t *train_options_json(const cf_train_options *options);
/* "batch=128 optimizer=sgd lr=0.005 .." of the same; as `settings`, those that must be equal for a training to be resumed, as
 * checkpoints have them, with _ for a line's spaces. */
void train_options_text(const cf_train_options *options, bool settings, char text[TRAIN_OPTIONS_TEXT]);
