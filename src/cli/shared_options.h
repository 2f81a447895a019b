/* Rows of options that several commands have, for Option.rows: of one value each, or of a struct's members. */
#pragma once

#include "cli/options.h"
#include "study/figures/figure_book.h"
#include "study/run/run.h"

/* Each of one value. */
typedef struct SharedRows {
    Option threads, model, precision;
    Option network; /* --model of a benchmark */
    Option data, data_dir, split, validation, split_seed, classes, limit;
    Option part; /* which images a run is evaluated on: a place in part_words, where it is given */
    Option shift, count, data_seed;
} SharedRows;
extern const SharedRows shared_rows;
#define ROW(name) .rows = &shared_rows.name /* in a table: {ROW(threads), MEMBER(threads)} */
extern const char *const part_words[];

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

extern const Option dial_options[4];    /* of DataDials: all of them, as most commands have them */
extern const Option reading_options[3]; /* of DataDials: size, fit and skip_broken, of any set */

/* The set's text with the dials laid on, in a new string; without any, the text as it is. Dials on a set that is not
 * generated are an error. */
cf_status data_dials_lay(const char *set, const DataDials *dials, char **text);
/* What a command on a run evaluates: `given`, or the run's `own` set with the dials laid on; NULL where neither is asked for: the
 * run's own as it is. Release with free(). */
cf_status data_chosen(const char *given, const char *own, const DataDials *dials, char **text);
/* CF_BAD_USE where no set is named. */
cf_status data_needed(const char *data);
/* The folder to work in: `out`, or where that is NULL PARENT/SET-WHAT. Release with free(). */
cf_status folder_asked(const char *out, const char *parent, const char *data, const char *what, char **folder);

/* ---- A configuration ---- */

/* What a command is told of its data, its network and its split. */
typedef struct ConfigArguments {
    const char *data, *data_dir, *model, *split;
    DataDials dials;
    cf_split_options parts; /* but for its mode and `stratified` */
    bool unstratified;
} ConfigArguments;

extern const Option set_options[3];  /* of ConfigArguments: data, data_dir and dials */
extern const Option part_options[3]; /* of ConfigArguments: the split's seed, unstratified and classes */

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

extern const Option figure_options[2], figure_look_options[2]; /* of FigureDials: all; theme and dpi */

cf_status figure_dials_read(const FigureDials *dials, unsigned *formats);
