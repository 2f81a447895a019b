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

static cf_status subset_of(const cf_model *model, const CExamples *examples, cf_set **set, cf_subset *subset) {
    const Shape in = model->layers.input;
    FORWARD(set_new("examples", "", (size_t)examples->count, in.C, in.H, in.W, model->classes, set));
    memcpy((*set)->pixels, examples->images, (size_t)examples->count * shape_size(in));
    FORWARD(set_name_classes_by_number(*set));
    *subset = (cf_subset){.set = *set, .count = (size_t)examples->count};
    FORWARD(memory_new(subset->count, sizeof *subset->images, &subset->images));
    for (uint32_t i = 0; i < subset->count; i++) subset->images[i] = i;
    return CF_OK;
}

/* What the specification says of them. */
static cf_status answer(const cf_model *model, const Int8Network *integers, int threads, CExamples *examples) {
    const ClassifyOptions options = {.engine = &reference_engine, .threads = threads, .int8 = integers};
    cf_set *set = NULL;
    cf_subset subset = {0};
    StepResult unused;
    cf_status status;
    FORWARD(memory_new((size_t)examples->count * (size_t)model->classes, sizeof(float), &examples->probabilities));
    FORWARD_TO(done, subset_of(model, examples, &set, &subset));
    FORWARD_TO(done, classify(model, &subset, &options, examples->probabilities, &unused));
done:
    free(subset.images);
    cf_set_free(set);
    return status;
}

static cf_status examples_new(const cf_model *model, const Int8Network *integers, const cf_c_options *options,
                              CExamples *examples) {
    cf_status status;
    FORWARD_TO(failed, take_images(model, cf_split_part(options->split, CF_TEST), examples));
    FORWARD_TO(failed, answer(model, integers, options->threads, examples));
    return CF_OK;
failed:
    examples_free(examples);
    return status;
}

/* ---- Names and files ---- */

/* The prefix of the names: as given, or the folder's name as an identifier. */
static cf_status choose_name(const char *folder, const cf_c_options *options, char **name) {
    char *trimmed;
    if (options->name) {
        FORWARD(memory_copy_string(options->name, name));
    } else {
        FORWARD(file_trim(folder, &trimmed));
        const cf_status status = memory_print(name, "%s", file_base_name(trimmed));
        free(trimmed);
        FORWARD(status);
        c_identifier(*name);
    }
    const char *text = *name;
    bool fits = isalpha((unsigned char)*text);
    for (; *text; text++) fits &= isascii((unsigned char)*text) && (isalnum((unsigned char)*text) || *text == '_');
    if (fits) return CF_OK;
    const cf_status status =
        FAIL(CF_BAD_USE,
             "the names of a network as C begin with \"%.60s\", which is no name in C: a letter and "
             "then letters, digits and _ expected; give the folder such a name",
             *name);
    free(*name);
    return status;
}

/* A file on its way, and its path. */
typedef struct Output {
    FileDraft draft;
    char *path;
} Output;

static cf_status begin_files(const char *folder, const char *name, Output outputs[C_FILES]) {
    for (int i = 0; i < C_FILES; i++) {
        const bool whole = c_files[i].name[0] == '/';
        FORWARD(memory_print(&outputs[i].path, "%s/%s%s", folder, whole ? "" : name, c_files[i].name + whole));
        FORWARD(file_draft(outputs[i].path, &outputs[i].draft));
    }
    return CF_OK;
}

/* In a folder that was made for them, those that are there are taken back where another cannot be written. */
static cf_status write_files(const char *folder, const CNetwork *net, const CExamples *examples) {
    Output outputs[C_FILES] = {0};
    char *made;
    cf_status status;
    FORWARD(file_make_folders(folder, &made));
    FORWARD_TO(done, begin_files(folder, net->name, outputs));
    for (int i = 0; i < C_FILES; i++) c_files[i].write(net, examples, outputs[i].draft.stream);
    for (int i = 0; i < C_FILES; i++) FORWARD_TO(done, file_commit(&outputs[i].draft));
done:
    for (int i = 0; i < C_FILES; i++) {
        file_abandon(&outputs[i].draft);
        if (status && made && outputs[i].path) remove(outputs[i].path);
        free(outputs[i].path);
    }
    if (status) file_unmake_folders(folder, made);
    free(made);
    return status;
}

cf_c_options cf_c_defaults(void) {
    return (cf_c_options){0};
}

cf_status cf_export_c(const cf_model *model, const char *folder, const cf_c_options *options) {
    CNetwork net = {0};
    CExamples examples = {0};
    Int8Network *integers = NULL;
    char *name;
    cf_status status;
    FAIL_IF(!options->split || !cf_subset_count(cf_split_part(options->split, CF_TEST)), CF_BAD_USE,
            "a network as C carries images of a test part and what it must answer: a split with a test part expected");
    FORWARD(choose_name(folder, options, &name));
    FORWARD_TO(done, c_network_new(model, name, options->int8 ? &c_int8 : &c_float32, &net));
    if (options->int8)
        FORWARD_TO(done, int8_network_new(model, cf_split_part(options->split, CF_TRAIN), options->threads, &integers));
    FORWARD_TO(done, options->int8 ? c_layers_int8(&net, integers) : c_layers_float32(&net));
    FORWARD_TO(done, c_network_place(&net));
    FORWARD_TO(done, examples_new(model, integers, options, &examples));
    fflush(net.constants.stream);
    if (ferror(net.constants.stream)) {
        status = FAIL(CF_NO_MEMORY, "out of memory while a network is written as C");
        goto done;
    }
    FORWARD_TO(done, write_files(folder, &net, &examples));
    if (options->sizes) *options->sizes = (cf_c_sizes){c_constant_bytes(&net), net.arena_bytes};
done:
    examples_free(&examples);
    c_network_free(&net);
    int8_network_free(integers);
    free(name);
    return status;
}
