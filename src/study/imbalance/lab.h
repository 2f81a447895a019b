/* The imbalance lab: every remedy under one budget, over seeds and draws of images, and how many more images it is worth.
 *
 * All trainings of a lab have the same network, the same options but for the remedy's, and the same number of steps (to a whole
 * epoch); a head that is trained again has a quarter of them besides, of the last layer alone, and head-natural tells what these do
 * without any balance. Nothing chooses an epoch: the last one is taken. Training images are drawn anew with each seed (the split's
 * seed moves with the training's), alike for all remedies, so that differences are paired. The best remedy of a case is chosen by
 * the mean of its classes' recalls on the validation images, never on the test images.
 *
 * LAB/ holds imbalance.json, imbalance.csv, report.html, figures/, stages/ (what is done), and a run folder per training,
 * CASE-REMEDY-s1 ..: a lab that was stopped or killed goes on with the same command and ends with the same numbers.
 */
#pragma once

#include "base/statistics.h"
#include "study/figures/figure_book.h"
#include "study/imbalance/remedies.h"
#include "study/pipeline/study.h"

enum { LAB_CASES = 8, LAB_SIZES = 12, LAB_MOST_SEEDS = 50 };

/* Which training images: "50:1000" of two classes, "all", "ratio 100". */
typedef struct LabCase {
    char *name, *limit; /* as it was asked for; as a split has it: "1:50,2:1000", NULL for all */
} LabCase;

typedef struct Lab {
    RunConfig *base; /* borrowed: data, network, split with its classes, training; `from` is the remedy pretrained's */
    int seeds,
        draws; /* trainings with the seeds base.train.seed, + 1 ..; of so many draws of images in turn, 0: each its own */
    int steps;
    char augment[CF_LINE]; /* of the remedy augment */
    Remedy remedies[MOST_REMEDIES];
    int remedy_count;
    LabCase cases[LAB_CASES];
    int case_count;
    int64_t sizes[LAB_SIZES]; /* of the learning curve: images of the first case's rarest class, ascending */
    int size_count;           /* 0: no curve */
} Lab;

/* Options of a training as a lab has them where nobody says others: AdamW over one cycle, batches of 64, the last epoch. */
cf_train_options lab_train_defaults(void);
/* Adds the cases of a text: "50:1000,500:1000" of the classes that take part, in their order; "all"; "ratio 100": of the first class as
 * many as the smallest has, of the last a hundredth, exponentially between them; "ratio 100 5000" says how many. A class that has
 * fewer images gives all, with a notice. `set` is base->data, loaded. */
cf_status lab_add_cases(Lab *lab, const cf_set *set, const char *text);
/* "25,50,100", ascending; NULL: from half of what the first case has of its rarest class to 8 times as many, as far as they are there and
 * no more than of the commonest; "none". */
cf_status lab_choose_sizes(Lab *lab, const cf_set *set, const char *text);
void lab_free(Lab *lab);
/* The label of which the first case has the fewest training images, how many, and how many it could have without any other class being
 * the rarer one. */
cf_status lab_rarest(const Lab *lab, const cf_set *set, int *label, int64_t *images, int64_t *most);
/* The first case's limit with another number of images for one class; a new string. */
cf_status lab_limit_with(const Lab *lab, const cf_set *set, int label, int64_t images, char **limit);

/* ---- One training ---- */

typedef struct LabTraining {
    const RunConfig *base; /* as in Lab */
    const char *limit;     /* NULL: all images */
    const Remedy *remedy;
    const char *augment;
    int steps, number, draw; /* of the seed, of the draw */
    const char *head_of;     /* the run whose head is trained again; NULL: the first training */
} LabTraining;

/* The configuration of it, with as many epochs as its steps take, at least one; release it on failure, too. */
cf_status lab_configure(const LabTraining *training, const cf_set *set, RunConfig *config);
/* What a trained and tested run has to show: {"seed", "split_seed", "images" [per class], "epochs_run", "seconds", "validation", and of
 * the test part "n", "accuracy", "loss", "balanced" (mean of the recalls), "gmean" (their geometric mean), "per_class" [{"class",
 * "recall", "support"}], "moved"}; "moved" has the same with the threshold moved, "validation" all of it for that part. */
cf_status lab_result(const Run *run, json_t **result);
/* ---- All of them (lab_run.c) ---- */

/* As stages of a study. */
struct Study;
struct StudyStage;
/* Describes the stage of one training, STUDY/`label`-REMEDY-sN, whose lab_result goes into the list of the remedy at results[path]
 * ("remedies.street.1"); what it begins with is trained before, as results["before"]. stage->place.set is there; nothing is freed on
 * failure. */
cf_status lab_prepare(struct Study *study, const LabTraining *training, const char *label, const char *path,
                      struct StudyStage *stage);
/* Those of the remedies that are trainings, each once: what "moved" moves. Returns how many. */
int lab_trained(const Remedy *remedies, int count, Remedy trained[MOST_REMEDIES]);
/* What they could be refused for. */
cf_status lab_check_remedies(const LabTraining *training, const cf_set *set, const Remedy *remedies, int count);
/* Of the results at results[path], by remedy as lab_prepare's stages have put them there, those of each of the list, in its order: of "moved" what
 * becomes of the trained one's with the threshold moved. A new reference. */
json_t *lab_remedies(const json_t *results, const char *path, const Remedy *list, int count);

/* Trains what is not done, and writes all files. Takes over what is on the shelf. *results, a new reference:
 * {"cases": [{"name", "limit", "best", "remedies": {"nothing": [results], ..}}],
 *  "curve": {"case", "class", "best", "points": [{"images", "nothing": [results], "best": [results]}]}, or null}. */
cf_status lab_run(const Lab *lab, SetShelf *shelf, const StudyOptions *options, json_t **results);

/* ---- What comes of them (lab_results.c) ---- */

/* Recalls of the rarest and the commonest class, the mean and the geometric mean of all; in this order in tables and figures. */
typedef enum RemedyScore { RAREST, COMMONEST, BALANCED, GMEAN, ACCURACY, REMEDY_SCORES } RemedyScore;

typedef struct RemedyRow {
    const char *name; /* borrowed from the results */
    MeanInterval scores[REMEDY_SCORES];
    double validation;   /* mean of the classes' recalls on the validation images */
    MeanDifference gain; /* of BALANCED over that of "nothing", paired by seed; NaN for it, and with one seed */
} RemedyRow;

typedef struct RemedyRows {
    RemedyRow *rows;
    int count, best; /* best by validation, of equals the first */
    size_t seeds;
    const char *rarest, *commonest; /* classes by training images; borrowed */
} RemedyRows;

/* Of {"nothing": [results], ..}, "nothing" first; release it on failure, too. */
cf_status remedy_rows_new(const json_t *remedies, RemedyRows *rows);
void remedy_rows_free(RemedyRows *rows);
/* "better", "noise", "worse"; "" for nothing, and with one seed. */
const char *remedy_verdict(const RemedyRow *row);
/* How many images of the rarest class "nothing" needs for what the remedy has with `at` of them: the curve is made to rise (isotonic
 * regression) and read between its sizes by the logarithm; ends by the bootstrap over the seeds. INFINITY: more than the largest size. */
typedef struct Worth {
    double at, images, low, high; /* NaN: there is no such size in the curve */
    double largest;
} Worth;
cf_status lab_worth(const json_t *curve, Worth *worth);
/* In a sentence. */
void worth_text(const json_t *curve, const Worth *worth, char text[400]);

cf_status lab_print(const json_t *results, FILE *out);
/* A row per case and remedy. */
cf_status lab_write_csv(const json_t *results, const char *path);

/* ---- lab_figures.c, lab_page.c ---- */

/* NAME: each remedy's recalls of the rarest and the commonest class and their mean over all, with intervals. */
cf_status figure_remedies(const FigureBook *book, const char *name, const char *set, const char *of_case,
                          const json_t *remedies);
/* Figures of a lab into LAB/figures. */
cf_status lab_draw(const char *folder, const char *subject, unsigned formats, const json_t *results);
cf_status lab_page_write(const char *folder, const Lab *lab, const json_t *results);
/* The table of remedies, for a page. */
cf_status remedy_table(FILE *out, const char *caption, const json_t *remedies);
