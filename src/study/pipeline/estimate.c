#include "study/pipeline/study_inside.h"

#include "base/numbers.h"

#include <math.h>

/* Early stopping ended the trainings of the study's grid on MNIST after 504 of 24 x 50 epochs (bfloat16). */
static const double usual_share = 0.42;
/* An evaluated image costs about a third of a trained one, and so does the end of an epoch. */
static const double evaluated = 1.0 / 3;

typedef struct Stopwatch {
    int64_t steps;
    int batch;
    double began, seconds, images;
} Stopwatch;

enum { WARM_STEPS = 3, MEASURED_STEPS = 20 };

static bool watch(const cf_progress *progress, void *context) {
    Stopwatch *w = context;
    w->steps++;
    if (w->steps == WARM_STEPS) w->began = clock_seconds();
    if (w->steps <= WARM_STEPS || progress->epoch_done) return true;
    w->seconds = clock_seconds() - w->began;
    w->images = (double)(w->steps - WARM_STEPS) * w->batch;
    return w->steps < WARM_STEPS + MEASURED_STEPS && w->seconds < 2;
}

cf_status estimate_speed(const Recipe *recipe, const cf_split *split, int threads, double *images_per_second) {
    cf_train_options options = recipe->base.train;
    Stopwatch w = {.batch = options.batch};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO_FREE char *line = NULL;
    FORWARD(recipe_model_line(recipe, &line));
    FORWARD(cf_model_new(line, split, options.seed, &model));
    options.threads = threads;
    options.progress = watch;
    options.progress_context = &w;
    const cf_status status = cf_train(model, split, &options, NULL);
    if (status != CF_INTERRUPTED) FORWARD(status);                        /* by the watch */
    *images_per_second = w.seconds > 0 ? w.images / w.seconds : INFINITY; /* over before it could be measured */
    return CF_OK;
}

/* The epochs of a search with halving: all configurations get the first, one in three the next two, one in nine six more ..
 * Those that are promoted early, among few, come on top: 71 and 78 epochs of 24 configurations instead of 57. */
static double halving_epochs(int configurations, int most) {
    double sum = 0, left = configurations;
    for (int reached = 0, rung = 1; reached < most && left >= 1; left /= 3) {
        const int to = rung < most ? rung : most;
        sum += left * (to - reached);
        reached = to;
        rung *= 3;
    }
    return 1.3 * sum;
}

/* Of the epochs that a training may take, those that it usually takes. */
static double usual(const cf_train_options *options) {
    return options->patience ? usual_share : 1;
}

static double epoch(const StudyLoad *load) {
    return load->train + evaluated * load->validation;
}

void estimate_search(const Recipe *recipe, int configurations, StudyLoad *load) {
    const cf_train_options *searched = &recipe->base.train;
    const double whole = (double)configurations * searched->epochs,
                 most = recipe->prune ? halving_epochs(configurations, searched->epochs) : whole;
    load->most += epoch(load) * most;
    load->expected += epoch(load) * (recipe->prune ? most : whole * usual(searched));
}

void estimate_trainings(double count, StudyLoad *load) {
    const double epochs = count * load->trained->epochs;
    load->most += epoch(load) * epochs;
    load->expected += epoch(load) * epochs * usual(load->trained);
}

void estimate_images(double images, StudyLoad *load) {
    load->expected += images;
    load->most += images;
}
