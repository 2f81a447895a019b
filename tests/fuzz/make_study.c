/* The results of a study, as ledger.h has them, made of the evaluation of the run in the corpus. */
#include "make_corpus.h"

#include "base/limits.h"
#include "base/memory.h"
#include "study/run/run.h"

#include <stdlib.h>

static json_t *evaluation(const Corpus *corpus, const char *suffix) {
    json_t *metrics;
    char *path;
    must(file_join(corpus->run, "metrics.json", &path));
    must(json_read(path, &metrics));
    static const char *const unread[] = {"confusion", "calibration", "roc_auc", "average_precision", "confused"};
    json_t *test = json_deep_copy(json_object_get(metrics, "test")), *classes = json_object_get(test, "per_class");
    /* What the study's page does not read is left out: a fuzzer gets further with a short input. */
    for (size_t i = 0; i < COUNT_OF(unread); i++) json_object_del(test, unread[i]);
    while (json_array_size(classes) > 2) json_array_remove(classes, 2);
    json_object_set_new(test, "intervals",
                        json_pack("{s:[f f] s:{s:[f f]}}", "accuracy", 0.1, 0.2, "macro", "f1", 0.1, 0.3));
    json_object_set_new(test, "most_predicted",
                        json_pack("{s:s s:f s:f}", "class", "<fuzz", "share", 0.9, "true_share", 0.1));
    json_object_set_new(test, "validation", json_pack("{s:f s:f}", "loss", 0.5, "accuracy", 0.9));
    json_object_set_new(test, "seed", json_integer(1));
    json_object_set_new(test, "suffix", json_string(suffix));
    json_decref(metrics);
    free(path);
    return test;
}

static json_t *data(const char *name) {
    return json_pack("{s:s s:s s:[s s] s:{s:[i i] s:[i i] s:[i i]}}", "name", name, "data", name, "classes", "1",
                     "<fuzz", "counts", "train", 10, 20, "validation", 3, 4, "test", 5, 6);
}

static void write(const Corpus *corpus, const char *name, json_t *results) {
    if (!results || json_dump_file(results, corpus_path(corpus, "study", name), JSON_COMPACT)) abort();
    json_decref(results);
}

/* More classes than there may be, in the table that has a column for each. */
static json_t *crowd(void) {
    json_t *classes = json_array();
    for (int c = 0; c < 4 * MAX_CLASSES; c++) json_array_append_new(classes, json_object());
    return json_pack("{s:{s:{s:[{s:o}]}}}", "imbalance", "hand", "1", "per_class", classes);
}

void make_study(const Corpus *corpus) {
    json_t *one = evaluation(corpus, "-street");
    json_t *results = json_pack(
        "{s:[s s] s:s s:{s:o s:o} s:{s:[O O] s:[O]} s:{s:[O] s:[O O]} s:{s:{s:[O] s:[O] s:[O O]}} s:{s:{s:s}}}", "sets",
        "hand", "street", "split", "pooled", "data", "hand", data("hand"), "street", data("street"), "test", "hand",
        one, one, "street", one, "cross", "street-on-hand", one, "hand-on-street", one, one, "imbalance", "hand", "1",
        one, "2", one, "3", one, one, "conditions", "hand", "1", "1,2 1:50,2:1000");
    json_object_set_new(results, "search",
                        json_pack("{s:{s:{s:s s:f} s:i s:f s:f}}", "hand", "point", "optimizer", "sgd", "lr", 0.005,
                                  "trials", 24, "accuracy", 0.9, "loss", 0.3));
    json_object_set_new(results, "features",
                        json_pack("{s:{s:i s:f s:f}}", "hand", "n", 100, "trustworthiness", 0.9, "knn_accuracy", 0.8));
    json_t *run = json_pack("{s:f s:i s:i s:i s:f s:f}", "accuracy", 0.5, "images", 100, "epochs_run", 3, "parameters",
                            9, "mflop", 0.5, "seconds", 1.5);
    json_object_set_new(
        results, "transfer",
        json_pack("{s:{s:{s:[O O] s:[O O]}}}", "street-on-hand", "10", "new", run, run, "from", run, run));
    json_object_set_new(results, "transfer_features",
                        json_pack("{s:{s:i s:{s:f} s:{s:f}}}", "street-on-hand", "n", 9, "before", "knn_accuracy", 0.5,
                                  "after", "silhouette", 0.1));
    json_object_set_new(results, "adapt",
                        json_pack("{s:{s:[O O] s:[O O]}}", "street-on-hand", "self-train", run, run, "none", run, run));
    json_object_set_new(results, "attention",
                        json_pack("{s:{s:[O O] s:[O O]}}", "hand", "paper", run, run, "<fuzz", run, run));
    json_decref(run);
    write(corpus, "results", results);
    write(corpus, "crowd", crowd());
    json_decref(one);
}
