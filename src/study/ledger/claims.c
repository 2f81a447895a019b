/* The report's figures. Where a table is regular, its numbers stand in a table here too. */
#include "study/ledger/claims.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char data_section[] = "2.1 Data", tuning_section[] = "3.3 Best configuration",
                  test_section[] = "4.1 Classification reports", abstract_section[] = "Abstract",
                  cross_section[] = "5.2 Across data sets",
                  imbalance_sections[2][24] = {"6.1 Imbalance, MNIST", "6.2 Imbalance, SVHN"};

/* ---- The tables of the report ---- */

/* precision, recall, F1, support of the digits 0 .. 9 */
typedef double ClassTable[10][4];

static const ClassTable mnist_test = {
    {.9957, .9943, .9950, 1409}, {.9953, .9933, .9943, 1492}, {.9909, .9909, .9909, 1433}, {.9901, .9852, .9876, 1420},
    {.9852, .9887, .9869, 1412}, {.9843, .9909, .9876, 1204}, {.9903, .9955, .9929, 1328}, {.9913, .9867, .9890, 1508},
    {.9852, .9859, .9855, 1347}, {.9848, .9834, .9841, 1447}};
static const ClassTable svhn_test = {
    {.8872, .8998, .8934, 1337}, {.9262, .9290, .9276, 3758}, {.9222, .9135, .9178, 2947}, {.8371, .8619, .8493, 2266},
    {.9104, .9090, .9097, 1979}, {.8221, .8951, .8571, 1926}, {.8748, .8153, .8440, 1603}, {.9184, .9054, .9119, 1491},
    {.8636, .8139, .8380, 1338}, {.8742, .8526, .8632, 1214}};
static const ClassTable svhn_on_mnist = {
    {.8462, .5388, .6584, 980}, {.7866, .7048, .7435, 1135}, {.5418, .4021, .4616, 1032}, {.5375, .8158, .6481, 1010},
    {.3562, .7088, .4741, 982}, {.6121, .7623, .6790, 892},  {.6952, .2547, .3728, 958},  {.6468, .7714, .7036, 1028},
    {.7791, .5903, .6717, 974}, {.4794, .3231, .3860, 1009}};
static const ClassTable mnist_on_svhn = {
    {.3759, .0287, .0533, 1744}, {.6786, .0186, .0363, 5099}, {.6923, .0065, .0129, 4149}, {1.000, .0024, .0048, 2882},
    {.2453, .0052, .0101, 2523}, {1.000, .0004, .0008, 2384}, {.3636, .0020, .0040, 1977}, {1.000, .0025, .0049, 2019},
    {.0646, .9970, .1213, 1660}, {.2174, .0031, .0062, 1595}};

/* loss, accuracy, macro precision, macro recall of the three cases */
static const double imbalance[2][3][4] = {
    {{.0573, .9887, .9887, .9889}, {.0133, .9973, .9973, .9973}, {.0060, .9986, .9986, .9986}},
    {{.9933, .7560, .8187, .7818}, {.1968, .9509, .9489, .9528}, {.1520, .9770, .9766, .9768}}};

/* ---- Making claims of them ---- */

static const char *const set_keys[] = {"mnist", "svhn"}, *const set_names[] = {"MNIST", "SVHN"};

typedef struct ClaimList {
    Claim *claims; /* NULL: they are only counted */
    size_t count;
} ClaimList;

/* What the claims that are being made have in common. */
typedef struct Topic {
    const char *section;
    const char *list; /* begins their ids too */
    const char *name; /* begins what they say: "MNIST" */
    unsigned roles;
    const char *part; /* NULL: the run itself */
    const char *condition;
} Topic;

typedef struct Figure {
    const char *path, *words;
    double reported;
    ClaimSense sense;
    const char *remark;
} Figure;

static void add(ClaimList *list, const Topic *topic, const Figure *figure, bool headline) {
    Claim *c = list->claims ? &list->claims[list->count] : NULL;
    list->count++;
    if (!c) return;
    *c = (Claim){.section = topic->section,
                 .roles = topic->roles,
                 .sense = figure->sense,
                 .reported = figure->reported,
                 .headline = headline,
                 .part = topic->part ? topic->part : "",
                 .condition = topic->condition,
                 .remark = figure->remark};
    snprintf(c->id, sizeof c->id, "%s%s%s.%s", topic->list, topic->part ? "." : "", topic->part ? topic->part : "",
             figure->path);
    snprintf(c->what, sizeof c->what, "%s, %s", topic->name, figure->words);
    snprintf(c->list, sizeof c->list, "%s", topic->list);
    snprintf(c->path, sizeof c->path, "%s", figure->path);
}

static void add_classes(ClaimList *list, const Topic *topic, const ClassTable table) {
    static const char *const keys[] = {"precision", "recall", "f1"}, *const words[] = {"precision", "recall", "F1"};
    for (int digit = 0; digit < 10; digit++)
        for (int k = 0; k < 3; k++) {
            char path[40], what[40];
            snprintf(path, sizeof path, "per_class.%d.%s", digit, keys[k]);
            snprintf(what, sizeof what, "%s of digit %d", words[k], digit);
            add(list, topic, &(Figure){path, what, table[digit][k], MORE_IS_BETTER, NULL}, false);
        }
}

static void add_data(ClaimList *list) {
    static const double train[] = {60000, 73257}, test[] = {10000, 26032};
    for (int set = 0; set < 2; set++) {
        char name[16];
        snprintf(name, sizeof name, "data.%s", set_keys[set]);
        const Topic topic = {data_section, name, set_names[set], 1u << set, NULL, NULL};
        add(list, &topic, &(Figure){"official_train", "official training images", train[set], A_COUNT, NULL}, true);
        add(list, &topic, &(Figure){"official_test", "official test images", test[set], A_COUNT, NULL}, true);
    }
}

static void add_validation(ClaimList *list) {
    static const double loss[] = {.0349, .3913}, accuracy[] = {.9903, .8899};
    for (int set = 0; set < 2; set++) {
        char name[24];
        snprintf(name, sizeof name, "test.%s", set_keys[set]);
        const Topic topic = {tuning_section, name, set_names[set], 1u << set, "validation", NULL};
        add(list, &topic, &(Figure){"loss", "validation loss of the best", loss[set], LESS_IS_BETTER, NULL}, true);
        add(list, &topic, &(Figure){"accuracy", "validation accuracy", accuracy[set], MORE_IS_BETTER, NULL}, true);
    }
}

/* The abstract's accuracies are near or at those of the validation part, but are called the model's. */
static void add_abstract(ClaimList *list) {
    static const char *const remarks[] = {
        "the abstract's accuracy; the report's own test says 98.94 %, its validation 99.03 %",
        "the abstract's accuracy is that of the validation part; the report's own test says 88.84 %"};
    static const double accuracy[] = {.9902, .8899};
    for (int set = 0; set < 2; set++) {
        Claim *claim = list->claims ? &list->claims[list->count] : NULL;
        char name[16];
        snprintf(name, sizeof name, "test.%s", set_keys[set]);
        const Topic topic = {abstract_section, name, set_names[set], 1u << set, NULL, NULL};
        add(list, &topic,
            &(Figure){"accuracy", "accuracy in the abstract", accuracy[set], MORE_IS_BETTER, remarks[set]}, true);
        if (claim) snprintf(claim->id, sizeof claim->id, "abstract.%s.accuracy", set_keys[set]);
    }
}

static void add_tests(ClaimList *list) {
    static const char *const paths[] = {"accuracy",           "macro.precision", "macro.recall", "macro.f1",
                                        "weighted.precision", "weighted.recall", "weighted.f1"};
    static const char *const words[] = {"test accuracy",      "macro precision", "macro recall", "macro F1",
                                        "weighted precision", "weighted recall", "weighted F1"};
    static const double values[2][7] = {{.9894, .9893, .9895, .9894, .9894, .9894, .9894},
                                        {.8884, .8836, .8795, .8812, .8890, .8884, .8884}};
    for (int set = 0; set < 2; set++) {
        char name[16];
        snprintf(name, sizeof name, "test.%s", set_keys[set]);
        const Topic topic = {test_section, name, set_names[set], 1u << set, NULL, NULL};
        for (size_t i = 0; i < COUNT_OF(paths); i++)
            add(list, &topic, &(Figure){paths[i], words[i], values[set][i], MORE_IS_BETTER, NULL}, true);
        add_classes(list, &topic, set ? svhn_test : mnist_test);
    }
}

static void add_cross(ClaimList *list) {
    static const Topic topics[] = {
        {cross_section, "cross.svhn-on-mnist", "SVHN model on MNIST", ROLE_MNIST | ROLE_SVHN, NULL, NULL},
        {cross_section, "cross.mnist-on-svhn", "MNIST model on SVHN", ROLE_MNIST | ROLE_SVHN, NULL, NULL}};
    static const double values[2][4] = {{4.8749, .5881, .6281, .5872}, {4.4792, .0715, .5638, .1066}};
    static const char *const below =
        "the report's 7.15 % is below chance (10 %) and below calling everything a 1 (19.6 %): it says that the model "
        "collapsed, not how much it knows";
    for (int way = 0; way < 2; way++) {
        const double *v = values[way];
        add(list, &topics[way], &(Figure){"loss", "loss", v[0], LESS_IS_BETTER, NULL}, true);
        add(list, &topics[way], &(Figure){"accuracy", "accuracy", v[1], MORE_IS_BETTER, way ? below : NULL}, true);
        add(list, &topics[way], &(Figure){"macro.precision", "macro precision", v[2], MORE_IS_BETTER, NULL}, true);
        add(list, &topics[way], &(Figure){"macro.recall", "macro recall", v[3], MORE_IS_BETTER, NULL}, true);
        add_classes(list, &topics[way], way ? mnist_on_svhn : svhn_on_mnist);
    }
}

static void add_imbalance(ClaimList *list) {
    static const char *const cases[] = {"50 against 1000", "500 against 1000", "all"};
    static const char *const conditions[] = {"1,2 1:50,2:1000", "1,2 1:500,2:1000", "1,2 all"};
    for (int set = 0; set < 2; set++)
        for (int i = 0; i < 3; i++) {
            char name[32], what[40];
            const double *v = imbalance[set][i];
            snprintf(name, sizeof name, "imbalance.%s.%d", set_keys[set], i + 1);
            snprintf(what, sizeof what, "%s, %s", set_names[set], cases[i]);
            const Topic topic = {imbalance_sections[set], name, what, 1u << set, NULL, conditions[i]};
            add(list, &topic, &(Figure){"loss", "loss", v[0], LESS_IS_BETTER, NULL}, true);
            add(list, &topic, &(Figure){"accuracy", "accuracy", v[1], MORE_IS_BETTER, NULL}, true);
            add(list, &topic, &(Figure){"macro.precision", "macro precision", v[2], MORE_IS_BETTER, NULL}, true);
            add(list, &topic, &(Figure){"macro.recall", "macro recall", v[3], MORE_IS_BETTER, NULL}, true);
        }
}

static const char suggestion_section[] = "Suggested as future work";

static void add_suggestion(ClaimList *list, const char *name, const char *path, const char *against, const char *figure,
                           unsigned roles) {
    const Topic topic = {suggestion_section, path, name, roles, NULL, NULL};
    Claim *claim = list->claims ? &list->claims[list->count] : NULL;
    add(list, &topic, &(Figure){figure, "gain", 0, MORE_IS_BETTER, NULL}, true);
    if (claim) snprintf(claim->against, sizeof claim->against, "%s", against);
}

static void add_transfer(ClaimList *list, const json_t *results) {
    for (int set = 0; set < 2; set++) {
        json_t *ways = json_object_get(json_object_get(results, "transfer"), set_keys[set]), *way;
        const char *size;
        json_object_foreach(ways, size, way) {
            char name[64], from[40], new[40];
            snprintf(name, sizeof name, "%s from %s, %.12s %s", set_names[set], set_names[1 - set], size,
                     strcmp(size, "all") == 0 ? "images" : "per class");
            snprintf(from, sizeof from, "transfer.%s.%.12s.from", set_keys[set], size);
            snprintf(new, sizeof new, "transfer.%s.%.12s.new", set_keys[set], size);
            add_suggestion(list, name, from, new, "accuracy", ROLE_MNIST | ROLE_SVHN);
        }
    }
}

/* All against the first. */
static void add_attention(ClaimList *list, const json_t *results) {
    for (int set = 0; set < 2; set++) {
        json_t *models = json_object_get(json_object_get(results, "attention"), set_keys[set]), *runs;
        const char *name, *first = NULL;
        json_object_foreach(models, name, runs) {
            char what[64], path[40], against[40];
            if (!first) {
                first = name;
                continue;
            }
            snprintf(what, sizeof what, "%s, %.20s over %.20s", set_names[set], name, first);
            snprintf(path, sizeof path, "attention.%s.%.20s", set_keys[set], name);
            snprintf(against, sizeof against, "attention.%s.%.20s", set_keys[set], first);
            add_suggestion(list, what, path, against, "accuracy", 1u << set);
        }
    }
}

/* Of each case against nothing; and the best of them, as validation images have it. */
static void add_remedies(ClaimList *list, const json_t *results) {
    for (int set = 0; set < 2; set++) {
        json_t *cases = json_object_get(json_object_get(results, "remedies"), set_keys[set]), *remedies, *runs;
        const char *key, *remedy;
        json_object_foreach(cases, key, remedies) {
            char best_key[32], what[64], path[88], against[40];
            snprintf(against, sizeof against, "remedies.%s.%.8s.nothing", set_keys[set], key);
            json_object_foreach(remedies, remedy, runs) {
                if (strcmp(remedy, "nothing") == 0) continue;
                snprintf(what, sizeof what, "%s, case %.8s, %.40s", set_names[set], key, remedy);
                snprintf(path, sizeof path, "remedies.%s.%.8s.%.56s", set_keys[set], key, remedy);
                add_suggestion(list, what, path, against, "balanced", 1u << set);
            }
            snprintf(best_key, sizeof best_key, "best-%.8s", key);
            const char *best = json_string_value(json_object_get(cases, best_key));
            if (!best || strcmp(best, "nothing") == 0) continue;
            Claim *claim = list->claims ? &list->claims[list->count] : NULL;
            snprintf(what, sizeof what, "%s, case %.8s, best: %.34s", set_names[set], key, best);
            snprintf(path, sizeof path, "remedies.%s.%.8s.%.56s", set_keys[set], key, best);
            add_suggestion(list, what, path, against, "balanced", 1u << set);
            if (claim) snprintf(claim->id, sizeof claim->id, "remedies.%s.%.8s.best", set_keys[set], key);
        }
    }
}

/* results["adapt"]: {"mnist-on-svhn": {"adabn": [runs], .., "none": [runs]}, ..}: against the same networks before. */
static void add_adaptation(ClaimList *list, const json_t *results) {
    static const char *const ways[] = {"svhn-on-mnist", "mnist-on-svhn"}, *const names[] = {"SVHN model on MNIST",
                                                                                            "MNIST model on SVHN"};
    for (int way = 0; way < 2; way++) {
        json_t *methods = json_object_get(json_object_get(results, "adapt"), ways[way]), *runs;
        const char *method;
        json_object_foreach(methods, method, runs) {
            char what[64], path[88], against[40];
            if (strcmp(method, "none") == 0) continue;
            snprintf(what, sizeof what, "%s, %.20s", names[way], method);
            snprintf(path, sizeof path, "adapt.%s.%.40s", ways[way], method);
            snprintf(against, sizeof against, "adapt.%s.none", ways[way]);
            add_suggestion(list, what, path, against, "accuracy", ROLE_MNIST | ROLE_SVHN);
        }
    }
}

/* Whether a remedy of one of the two names stands in any case. */
static bool tried(const json_t *results, const char *one, const char *other) {
    for (int set = 0; set < 2; set++) {
        json_t *cases = json_object_get(json_object_get(results, "remedies"), set_keys[set]), *remedies;
        const char *key;
        json_object_foreach(cases, key, remedies) if (json_object_get(remedies, one) ||
                                                      json_object_get(remedies, other)) return true;
    }
    return false;
}

/* Each that nothing of the results tries has a line all the same. */
static void add_untried(ClaimList *list, const json_t *results) {
    const struct {
        const char *name, *id;
        bool tried;
    } suggestions[] = {{"augmentation", "augmentation", tried(results, "augment", "augment")},
                       {"transfer learning", "transfer", json_object_get(results, "transfer") != NULL},
                       {"attention", "attention", json_object_get(results, "attention") != NULL},
                       {"domain adaptation", "adaptation", json_object_get(results, "adapt") != NULL},
                       {"class weights", "weights", tried(results, "weights", "effective")},
                       {"oversampling", "oversampling", tried(results, "balanced", "sqrt")},
                       {"SMOTE", "smote", tried(results, "smote", "head-smote")},
                       {"focal loss", "focal", tried(results, "focal", "focal")}};
    for (size_t i = 0; i < COUNT_OF(suggestions); i++) {
        char path[40];
        if (suggestions[i].tried) continue;
        snprintf(path, sizeof path, "untried.%s", suggestions[i].id);
        add_suggestion(list, suggestions[i].name, path, "untried", "accuracy", ROLE_MNIST | ROLE_SVHN);
    }
}

static void add_all(ClaimList *list, const json_t *results) {
    add_abstract(list);
    add_data(list);
    add_validation(list);
    add_tests(list);
    add_cross(list);
    add_imbalance(list);
    add_transfer(list, results);
    add_attention(list, results);
    add_remedies(list, results);
    add_adaptation(list, results);
    add_untried(list, results);
}

cf_status claims_new(const json_t *results, Claim **claims, size_t *count) {
    ClaimList list = {0};
    add_all(&list, results);
    FORWARD(memory_new(list.count, sizeof *list.claims, &list.claims));
    list.count = 0;
    add_all(&list, results);
    *claims = list.claims;
    *count = list.count;
    return CF_OK;
}
