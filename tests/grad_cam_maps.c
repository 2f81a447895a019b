/* Writes Grad-CAM's maps as eval/grad_cam.c has them, and attention rollout's, for the script that holds the page's against them.
 * Usage: grad_cam_maps RUN IMAGE:CLASS ..      prints "map IMAGE value value .." for each, row by row, and "rollout IMAGE ..". */
#include "base/memory.h"
#include "eval/attention_rollout.h"
#include "eval/grad_cam.h"
#include "nn/feed.h"
#include "study/report/report_inside.h"

#include <stdio.h>
#include <stdlib.h>

static void succeed(cf_status status) {
    if (!status) return;
    fprintf(stderr, "grad_cam_maps: %s\n", cf_error());
    exit(1);
}

static void print_map(const char *word, unsigned image, const float *map, Shape shape) {
    printf("%s %u", word, image);
    for (int p = 0; p < shape.H * shape.W; p++) printf(" %.7g", (double)map[p]);
    putchar('\n');
}

static void print_rollout(const cf_model *model, const Feed *feed, uint32_t image) {
    AttentionRollout *rollout;
    float *map;
    succeed(attention_rollout_new(model, &reference_engine, 1, &rollout));
    const Shape shape = attention_rollout_layer(rollout, 0)->out;
    succeed(memory_new((size_t)shape.H * (size_t)shape.W, sizeof *map, &map));
    succeed(attention_rollout_maps(rollout, feed, &image, 1, map));
    print_map("rollout", image, map, shape);
    free(map);
    attention_rollout_free(rollout);
}

int main(int argc, char **argv) {
    ReportInput input;
    Feed feed;
    GradCam *cam;
    float *image, *map;
    if (argc < 3) return 2;
    succeed(report_input_read(argv[1], NULL, NULL, &input));
    const cf_model *model = input.model;
    if (!model || !input.set) return 2;
    succeed(
        feed_new(input.set, model->layers.input, (const char *const *)model->class_names, model->classes, 1, &feed));
    succeed(grad_cam_new(model, &reference_engine, &cam));
    Shape shape = grad_cam_shape(cam);
    succeed(memory_new(shape_size(model->layers.input), sizeof *image, &image));
    succeed(memory_new((size_t)shape.H * (size_t)shape.W, sizeof *map, &map));
    for (int i = 2; i < argc; i++) {
        unsigned number;
        int label;
        if (sscanf(argv[i], "%u:%d", &number, &label) != 2 || number >= input.set->count) return 2;
        feed_image(&feed, 0, number, image);
        succeed(grad_cam_map(cam, image, label, map));
        print_map("map", number, map, shape);
        if (attention_rollout_possible(model)) print_rollout(model, &feed, number);
    }
    free(image);
    free(map);
    grad_cam_free(cam);
    feed_free(&feed);
    report_input_free(&input);
    return 0;
}
