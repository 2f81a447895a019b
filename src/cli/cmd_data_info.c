/* cifra data info: what is in a set, and the factors of a generated one. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"
#include "eval/metrics.h"
#include "study/report/report.h"
#include "study/run/run.h"

#include <stdio.h>
#include <string.h>

/* ---- The factors of a generated set ---- */

static void range_text(double low, double high, char text[48]) {
    if (low == high)
        snprintf(text, 48, "%g", low);
    else
        snprintf(text, 48, "%g:%g", low, high);
}

static bool has_frequencies(const GeneratedSpec *spec, double shares[DIGITS]) {
    double sum = 0;
    for (int k = 0; k < DIGITS; k++) sum += spec->frequencies[k];
    for (int k = 0; k < DIGITS; k++) shares[k] = sum > 0 ? spec->frequencies[k] / sum : 1.0 / DIGITS;
    return sum > 0;
}

static void print_frequencies(const GeneratedSpec *spec) {
    double shares[DIGITS];
    if (!has_frequencies(spec, shares)) {
        printf("  digits    each writer writes each digit once\n");
        return;
    }
    printf("  digits   ");
    for (int k = 0; k < DIGITS; k++) printf(" %d %.1f %%%s", k, 100 * shares[k], k < DIGITS - 1 ? "," : "\n");
}

static void print_factors(const GeneratedSpec *spec) {
    enum { NAME, NOW, USUAL, ALLOWED, UNIT, COLUMNS };
    const Generator *g = spec->generator;
    char cells[MAX_FACTORS + 1][COLUMNS][48] = {{"factor", "now", "default", "allowed", "unit"}};
    int wide[COLUMNS] = {0};
    for (int f = 0; f < g->factor_count; f++) {
        const Factor *factor = &g->factors[f];
        char(*row)[48] = cells[f + 1];
        snprintf(row[NAME], sizeof row[NAME], "%s", factor->name);
        range_text(spec->low[f], spec->high[f], row[NOW]);
        range_text(factor->low, factor->high, row[USUAL]);
        range_text(factor->lowest, factor->highest, row[ALLOWED]);
        snprintf(row[UNIT], sizeof row[UNIT], "%s", factor->unit ? factor->unit : "");
    }
    for (int row = 0; row <= g->factor_count; row++)
        for (int c = 0; c < COLUMNS; c++)
            if ((int)strlen(cells[row][c]) > wide[c]) wide[c] = (int)strlen(cells[row][c]);
    printf("\n  generator %s, version %d, seed %llu; %zu training and %zu test images\n", g->name, g->version,
           (unsigned long long)spec->seed, spec->train, spec->test);
    print_frequencies(spec);
    putchar('\n');
    for (int row = 0; row <= g->factor_count; row++) {
        const bool turned = row && strcmp(cells[row][NOW], cells[row][USUAL]) != 0;
        printf("%c %-*s", turned ? '*' : ' ', wide[NAME], cells[row][NAME]);
        for (int c = NOW; c < COLUMNS; c++) printf("  %-*s", wide[c], cells[row][c]);
        printf("  %s\n", row ? g->factors[row - 1].help : "what it is");
    }
}

static json_t *frequencies_json(const GeneratedSpec *spec) {
    double shares[DIGITS];
    if (!has_frequencies(spec, shares)) return json_null();
    json_t *list = json_array();
    for (int k = 0; k < DIGITS; k++) json_array_append_new(list, json_real(shares[k]));
    return list;
}

/* The keys "factors", "frequencies" and "generator". */
static void add_factors_json(const GeneratedSpec *spec, json_t *object) {
    const Generator *g = spec->generator;
    json_t *list = json_array();
    for (int f = 0; f < g->factor_count; f++) {
        const Factor *factor = &g->factors[f];
        json_array_append_new(list, json_pack("{s:s s:f s:f s:[f f] s:[f f] s:s s:s}", "name", factor->name, "low",
                                              spec->low[f], "high", spec->high[f], "default", factor->low, factor->high,
                                              "allowed", factor->lowest, factor->highest, "unit",
                                              factor->unit ? factor->unit : "", "help", factor->help));
    }
    json_object_set_new(object, "factors", list);
    json_object_set_new(object, "frequencies", frequencies_json(spec));
    json_object_set_new(
        object, "generator",
        json_pack("{s:s s:i s:I}", "name", g->name, "version", g->version, "seed", (json_int_t)spec->seed));
}

/* ---- The set ---- */

typedef struct InfoArguments {
    ConfigArguments set;
    const char *files;
    bool factors;
} InfoArguments;

#define MEMBER(name) OPTION_MEMBER(InfoArguments, name)

static const Option options[] = {
    {ROW(data_dir), MEMBER(set.data_dir)},
    {ROWS(dial_options), MEMBER(set.dials)},
    {"factors", NULL, OPTION_FLAG, .help = "generated data: only the factors and their ranges, without making images",
     MEMBER(factors)},
    {ROW(split), .help = "official, pooled or at:N", MEMBER(set.split)},
    {ROWS(part_options), MEMBER(set)},
    {ROW(limit), MEMBER(set.parts.train_limit)},
    {"files", "FILE", OPTION_TEXT,
     .help =
         "pictures in folders: what was done with each file, as a page (.html) or a table (.csv), also where some cannot be "
         "read",
     MEMBER(files)},
};

static const cf_part parts[] = {CF_TRAIN, CF_VALIDATION, CF_TEST};
static const char *const part_keys[] = {"train", "validation", "test"};

enum { FIRST_SHOWN = 10 }; /* of many classes, and as many of the last */

/* counts[p]: of each class in part p, in `all`. */
static cf_status count_parts(const cf_split *split, size_t **all, size_t *counts[COUNT_OF(parts)]) {
    const size_t classes = (size_t)cf_split_part(split, CF_ALL)->set->classes;
    FORWARD(memory_new(COUNT_OF(parts) * classes, sizeof **all, all));
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        counts[p] = *all + p * classes;
        subset_class_counts(cf_split_part(split, parts[p]), counts[p]);
    }
    return CF_OK;
}

static void print_counts(const char *what, const size_t counts[COUNT_OF(parts)]) {
    printf("  %-16s %10zu %10zu %10zu\n", what, counts[0], counts[1], counts[2]);
}

static void print_extremes(const cf_subset *all, size_t *const counts[COUNT_OF(parts)]) {
    size_t fewest[COUNT_OF(parts)], most[COUNT_OF(parts)];
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        fewest[p] = most[p] = counts[p][all->class_labels[0]];
        for (int c = 1; c < all->classes; c++) {
            const size_t count = counts[p][all->class_labels[c]];
            if (count < fewest[p]) fewest[p] = count;
            if (count > most[p]) most[p] = count;
        }
    }
    print_counts("fewest of a class", fewest);
    print_counts("most of a class", most);
}

static void print_info(const cf_set *set, const cf_split *split, const char *mode,
                       size_t *const counts[COUNT_OF(parts)]) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    const bool many = all->classes >= MANY_CLASSES;
    size_t sums[COUNT_OF(parts)];
    char validation[48] = "";
    if (set->official_validation) snprintf(validation, sizeof validation, ", validation %zu", set->official_validation);
    print_printable(
        "%s\n  from     %s\n  images   %zu of %dx%dx%d (channels, height, width); official train %zu%s, test %zu\n"
        "  sha256   %s\n  split    %s\n\n  %-16s %10s %10s %10s\n",
        set->name, set->source, set->count, set->channels, set->height, set->width, set->official_train, validation,
        set->count - set_test_begin(set), set->sha256, mode, "class", part_keys[0], part_keys[1], part_keys[2]);
    for (int c = 0; c < all->classes; c++) {
        const int label = all->class_labels[c];
        if (!many || c < FIRST_SHOWN || c >= all->classes - FIRST_SHOWN)
            print_counts(set->class_names[label], (size_t[]){counts[0][label], counts[1][label], counts[2][label]});
        else if (c == FIRST_SHOWN)
            printf("  .. %d more classes; --json has all\n", all->classes - 2 * FIRST_SHOWN);
    }
    if (many) print_extremes(all, counts);
    for (size_t p = 0; p < COUNT_OF(parts); p++) sums[p] = cf_subset_count(cf_split_part(split, parts[p]));
    print_counts("all", sums);
}

static json_t *info_json(const cf_set *set, const cf_split *split, const char *mode,
                         size_t *const counts[COUNT_OF(parts)]) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    json_t *classes = json_array(), *per_part = json_object();
    for (int c = 0; c < all->classes; c++)
        json_array_append_new(classes, json_text(set->class_names[all->class_labels[c]]));
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        json_t *list = json_array();
        for (int c = 0; c < all->classes; c++)
            json_array_append_new(list, json_integer((json_int_t)counts[p][all->class_labels[c]]));
        json_object_set_new(per_part, part_keys[p], list);
    }
    return json_pack("{s:o s:o s:[i i i] s:I s:I s:I s:o s:s s:o s:s}", "name", json_text(set->name), "source",
                     json_text(set->source), "shape", set->channels, set->height, set->width, "images",
                     (json_int_t)set->count, "official_train", (json_int_t)set->official_train, "official_validation",
                     (json_int_t)set->official_validation, "classes", classes, "split", mode, "counts", per_part,
                     "sha256", set->sha256);
}

static cf_status make_split(const InfoArguments *a, const cf_set *set, cf_split **split, char mode[40]) {
    cf_split_options asked;
    FORWARD(split_asked(&a->set, set, &asked));
    split_to_text(&asked, mode);
    const cf_status status = cf_split_new(set, &asked, split);
    if (!status || a->set.split || status == CF_NO_MEMORY) return status;
    /* What is in a set can be looked at where nothing can be learned from it. */
    notice("it cannot be split for training: %s; the classes are shown as they lie in the files", cf_error());
    snprintf(mode, 40, "none");
    return split_uncut(set, asked.classes, split);
}

/* The kind of page is told by the name; what cannot be is told before anything is read. */
static cf_status check_files(const InfoArguments *a, const char *name) {
    const char *dot = a->files ? strrchr(file_base_name(a->files), '.') : NULL;
    if (!a->files) return CF_OK;
    FAIL_IF(!dot || (strcmp(dot, ".html") != 0 && strcmp(dot, ".csv") != 0), CF_BAD_USE,
            "--files %s: a name that ends with .html or .csv was expected", a->files);
    FAIL_IF(!set_is_of_pictures(name, a->set.data_dir), CF_BAD_USE,
            "--files is for folders of pictures; the images of %s do not have files of their own", name);
    return file_check_output(a->files);
}

static cf_status write_files(const char *path, const FolderListing *listing) {
    const size_t length = strlen(path);
    FORWARD(strcmp(path + length - 4, ".csv") == 0 ? folder_record_csv(path, listing)
                                                   : report_files_write(path, listing));
    notice("what was done with each file is in %s", path);
    return CF_OK;
}

/* The record is written where reading failed, too: that is when one wants to see it. */
static cf_status load_recorded(const InfoArguments *a, const char *name, cf_set **set) {
    AUTO(folder_listing_free) FolderListing listing = {0};
    char reason[512];
    FORWARD(check_files(a, name));
    const cf_status status = set_load_recorded(name, a->set.data_dir, a->files ? &listing : NULL, set);
    if (!listing.count) return status;
    snprintf(reason, sizeof reason, "%s", status ? cf_error() : "");
    const cf_status written = write_files(a->files, &listing);
    if (!status) return written;
    if (!written) status_set_message(reason);
    return status;
}

/* `spec` is NULL for a set that is not generated. */
static cf_status describe_set(const Arguments *given, const InfoArguments *a, const char *name,
                              const GeneratedSpec *spec) {
    AUTO(cf_set_free_at) cf_set *set = NULL;
    AUTO(cf_split_free_at) cf_split *split = NULL;
    AUTO_FREE size_t *all_counts = NULL;
    size_t *counts[COUNT_OF(parts)];
    char mode[40];
    FORWARD(load_recorded(a, name, &set));
    FORWARD(make_split(a, set, &split, mode));
    FORWARD(count_parts(split, &all_counts, counts));
    if (given->json) {
        json_t *json = info_json(set, split, mode, counts);
        if (spec) add_factors_json(spec, json);
        return print_json(json);
    }
    print_info(set, split, mode, counts);
    if (spec) print_factors(spec);
    return CF_OK;
}

static cf_status describe_factors(const Arguments *given, const char *name, const GeneratedSpec *spec) {
    const Generator *g = spec->generator;
    if (given->json) {
        json_t *json = json_pack("{s:o s:[i i i]}", "name", json_text(name), "shape", g->channels, g->height, g->width);
        add_factors_json(spec, json);
        return print_json(json);
    }
    print_printable("%s: %s\n", name, g->about);
    print_factors(spec);
    return CF_OK;
}

static cf_status run_info(const Arguments *given, const void *parsed) {
    const InfoArguments *a = parsed;
    AUTO_FREE char *name = NULL;
    GeneratedSpec spec;
    FORWARD(data_dials_lay(given->positional[0], &a->set.dials, &name));
    const bool generated = generator_named(name);
    if (generated) FORWARD(generated_spec_read(name, &spec));
    if (!a->factors) return describe_set(given, a, name, generated ? &spec : NULL);
    FAIL_IF(!generated, CF_BAD_USE, "--factors is for generated data (hand, street); %s is read from files", name);
    return describe_factors(given, name, &spec);
}

const Command command_data_info = {
    .name = "data info",
    .summary = "shape, classes, counts per part, checksum of a set",
    .usage = "SET [--split official|pooled|at:N]",
    .description =
        "Loads a set and tells its shape, its classes, how many images of each class go to which part, and the SHA-256 over "
        "shape, labels and pixels, which is the same whatever kind of file the set came in.\n\n"
        "A folder of pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) has one folder per class, or parts of such folders:\n\n"
        "    photos/cat/1.jpg  photos/cat/2020/2.png  photos/dog/3.webp\n"
        "    photos/train/cat/..  photos/val/cat/..  photos/test/cat/..\n\n"
        "(training; valid, validation; testing, too, in capitals or not). All parts take one size: --size, a model's input, or "
        "the commonest. Hidden files and other formats are passed over and told; broken pictures are named, or left out by "
        "--skip-broken; a class that a part lacks is told. Other sets: IDX files or SVHN's .mat files, with the names of "
        "classes in a classes.txt beside them.\n\n"
        "The same stands in a set's text, as in config.json: photos:size=96x64,fit=crop,broken=skip; and mnist:n=1000,test=200 "
        "is a part of a set, always of the same images.\n\n"
        "Of a generated set it also lists the factors of variation: the range from which each image draws its value, the range "
        "by default, the range that may be asked for. --shift FACTOR=LOW:HIGH changes one; a number alone, such as --shift 0.5, "
        "multiplies all default ranges.\n\n"
        "Examples:\n\n"
        "    cifra data info mnist --split pooled\n"
        "    cifra data info photos --size 64 --skip-broken --files photos.html\n"
        "    cifra data info street --factors",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, InfoArguments),
    .run = run_info,
};
