/* What the reference engine, or the integers of a model, answer to a run's test images: for the long check of exported C.
 * Usage: c_answers RUN f32|int8 COUNT IMAGES ANSWERS   the first COUNT test images (0: all) as bytes of the network's own size, which the
 *                                                      data must have, and their probabilities as float32, to two files. */
#include "base/files.h"
#include "base/memory.h"
#include "nn/int8/int8.h"
#include "study/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void succeed(cf_status status) {
    if (!status) return;
    fprintf(stderr, "c_answers: %s\n", cf_error());
    exit(1);
}

int main(int argc, char **argv) {
    Run *run;
    const cf_subset *images;
    const char *part;
    Int8Network *integers = NULL;
    StepResult result;
    float *answers;
    unsigned char *bytes;
    if (argc != 6) return 2;
    succeed(run_open(argv[1], &run));
    succeed(run_choose_images(run, NULL, NULL, "test", &images, &part));
    cf_subset chosen = *images;
    const size_t count = strtoul(argv[3], NULL, 10), size = set_image_size(run->set),
                 classes = (size_t)run->model->classes;
    if (count && count < chosen.count) chosen.count = count;
    if (shape_size(run->model->layers.input) != size) return 2;
    succeed(memory_new(chosen.count * classes, sizeof *answers, &answers));
    succeed(memory_new(chosen.count, size, &bytes));
    if (strcmp(argv[2], "int8") == 0)
        succeed(int8_network_new(run->model, cf_split_part(run->split, CF_TRAIN), 0, &integers));
    const ClassifyOptions options = {.engine = &reference_engine, .int8 = integers};
    succeed(classify(run->model, &chosen, &options, answers, &result));
    for (size_t i = 0; i < chosen.count; i++)
        memcpy(bytes + i * size, run->set->pixels + chosen.images[i] * size, size);
    succeed(file_write(argv[4], bytes, chosen.count * size));
    succeed(file_write(argv[5], answers, chosen.count * classes * sizeof *answers));
    printf("%zu images, accuracy %.4f, loss %.5f\n", chosen.count, (double)result.correct / result.weight,
           result.loss / result.weight);
    int8_network_free(integers);
    run_free(run);
    free(answers);
    free(bytes);
    return 0;
}
