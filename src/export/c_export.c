/* cf_export_c: the four files of a network as C, all or none. */
#include "export/c_network.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/prepare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXAMPLES = 10 };

/* ---- Images for the test ---- */

static void examples_free(CExamples *examples) {
    free(examples->images);
    free(examples->probabilities);
    *examples = (CExamples){0};
}

/* Bytes of the network's own size: where the data have another, resized to whole bytes. */
static cf_status take_images(const cf_model *model, const cf_subset *subset, CExamples *examples) {
    const Shape in = model->layers.input;
    const cf_set *set = subset->set;
    const size_t size = shape_size(in);
    const int from[3] = {set->channels, set->height, set->width}, to[3] = {in.C, in.H, in.W};
    const bool as_they_are = memcmp(from, to, sizeof from) == 0;
    examples->count = subset->count < MOST_EXAMPLES ? (int)subset->count : MOST_EXAMPLES;
    FORWARD(memory_new((size_t)examples->count * size, 1, &examples->images));
    for (size_t i = 0; i < (size_t)examples->count; i++) {
        const unsigned char *pixels = set->pixels + (size_t)subset->images[i] * set_image_size(set);
        if (as_they_are)
            memcpy(examples->images + i * size, pixels, size);
        else
            FORWARD(resize_bytes(pixels, from, to, examples->images + i * size));
    }
    return CF_OK;
}

static cf_status make_subset(const cf_model *model, const CExamples *examples, cf_subset *subset) {
    const Shape in = model->layers.input;
    cf_set *set;
    FORWARD(set_new("examples", "", (size_t)examples->count, in.C, in.H, in.W, model->classes, &set));
    *subset = (cf_subset){.set = set, .count = (size_t)examples->count};
    memcpy(set->pixels, examples->images, (size_t)examples->count * shape_size(in));
    FORWARD(set_name_classes_by_number(set));
    FORWARD(memory_new(subset->count, sizeof *subset->images, &subset->images));
    for (uint32_t i = 0; i < subset->count; i++) subset->images[i] = i;
    return CF_OK;
}

static void free_subset(cf_subset *subset) {
    free(subset->images);
    cf_set_free((cf_set *)subset->set);
}

/* What the specification says of them. */
static cf_status answer(const cf_model *model, const Int8Network *integers, int threads, CExamples *examples) {
    const ClassifyOptions options = {.engine = &reference_engine, .threads = threads, .int8 = integers};
    AUTO(free_subset) cf_subset subset = {0};
    StepResult unused;
    FORWARD(memory_new((size_t)examples->count * (size_t)model->classes, sizeof(float), &examples->probabilities));
    FORWARD(make_subset(model, examples, &subset));
    return classify(model, &subset, &options, examples->probabilities, &unused);
}

/* ---- Names and files ---- */

/* The prefix of the names: as given, or the folder's name as an identifier. */
static cf_status choose_name(const char *folder, const cf_c_options *options, char **name) {
    AUTO_FREE char *trimmed = NULL, *chosen = NULL;
    FORWARD(file_trim(folder, &trimmed));
    FORWARD(memory_copy_string(options->name ? options->name : file_base_name(trimmed), &chosen));
    if (!options->name) c_identifier(chosen);
    bool fits = isalpha((unsigned char)*chosen);
    for (const char *c = chosen; *c; c++)
        fits &= isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || *c == '_');
    FAIL_IF(
        !fits, CF_BAD_USE,
        "the names of a network as C begin with \"%.60s\", which is no name in C: a letter and then letters, digits and _ expected; give the folder such a name",
        chosen);
    *name = memory_take(&chosen);
    return CF_OK;
}

/* Files on their way into a folder. */
typedef struct Output {
    FileDraft drafts[C_FILES];
    char *paths[C_FILES];
    const char *folder;
    char *made; /* made: what file_make_folders has made */
    bool whole; /* all files are there */
} Output;

/* In a folder that was made for them, those that are there are taken back where another cannot be written. */
static void output_end(Output *output) {
    for (int i = 0; i < C_FILES; i++) {
        file_abandon(&output->drafts[i]);
        if (!output->whole && output->made && output->paths[i]) remove(output->paths[i]);
        free(output->paths[i]);
    }
    if (!output->whole) file_unmake_folders(output->folder, output->made);
    free(output->made);
}

static cf_status write_files(const char *folder, const CNetwork *net, const CExamples *examples) {
    AUTO(output_end) Output output = {.folder = folder};
    FORWARD(file_make_folders(folder, &output.made));
    for (int i = 0; i < C_FILES; i++) {
        const bool whole = c_files[i].name[0] == '/';
        FORWARD(memory_print(&output.paths[i], "%s/%s%s", folder, whole ? "" : net->name, c_files[i].name + whole));
        FORWARD(file_draft(output.paths[i], &output.drafts[i]));
    }
    for (int i = 0; i < C_FILES; i++) c_files[i].write(net, examples, output.drafts[i].stream);
    for (int i = 0; i < C_FILES; i++) FORWARD(file_commit(&output.drafts[i]));
    output.whole = true;
    return CF_OK;
}

cf_c_options cf_c_defaults(void) {
    return (cf_c_options){0};
}

cf_status cf_export_c(const cf_model *model, const char *folder, const cf_c_options *options) {
    AUTO(c_network_free) CNetwork net = {0};
    AUTO(examples_free) CExamples examples = {0};
    AUTO(int8_network_free_at) Int8Network *integers = NULL;
    AUTO_FREE char *name = NULL;
    const cf_split *split = options->split;
    FAIL_IF(!split || !cf_subset_count(cf_split_part(split, CF_TEST)), CF_BAD_USE,
            "a network as C carries images of a test part and what it must answer: a split with a test part expected");
    FORWARD(choose_name(folder, options, &name));
    FORWARD(c_network_new(model, name, options->int8 ? &c_int8 : &c_float32, &net));
    if (options->int8) FORWARD(int8_network_new(model, cf_split_part(split, CF_TRAIN), options->threads, &integers));
    FORWARD(options->int8 ? c_layers_int8(&net, integers) : c_layers_float32(&net));
    FORWARD(c_network_place(&net));
    FORWARD(take_images(model, cf_split_part(split, CF_TEST), &examples));
    FORWARD(answer(model, integers, options->threads, &examples));
    fflush(net.constants.stream);
    FAIL_IF(ferror(net.constants.stream), CF_NO_MEMORY, "out of memory while a network is written as C");
    FORWARD(write_files(folder, &net, &examples));
    if (options->sizes) *options->sizes = (cf_c_sizes){c_constant_bytes(&net), net.arena_bytes};
    return CF_OK;
}
