/* Against umap-learn's figures on the same data, tests/golden/umap_golden.json: not below by more than its own seeds spread,
 * with a margin. */
#include "umap_making.h"

#include "embed_golden.h"

#include "data/set_files.h"
#include "embed/quality.h"
#include "embed/umap.h"

static double lowest_of(const json_t *golden, const char *key) {
    const json_t *runs = json_object_get(golden, "runs"), *run;
    double lowest = INFINITY;
    size_t index;
    json_array_foreach(runs, index, run) lowest = fmin(lowest, golden_number(run, key));
    return lowest;
}

/* MNIST's test images, pixels 0 .. 255; false where there are none. */
static bool load_test_images(Points *points, int **labels) {
    const char *images = real_data("mnist/t10k-images-idx3-ubyte.gz", "UMAP of MNIST against umap-learn's figures");
    cf_set *set;
    float *values;
    if (!images) return false;
    assert_ok(idx_read(images, path_in(getenv("CIFRA_DATA"), "mnist/t10k-labels-idx1-ubyte.gz"), &set));
    const size_t pixels = set_image_size(set);
    values = floats_new(set->count * pixels);
    assert_ok(memory_new(set->count, sizeof **labels, labels));
    for (size_t v = 0; v < set->count * pixels; v++) values[v] = (float)set->pixels[v];
    for (size_t i = 0; i < set->count; i++) (*labels)[i] = set->labels[i];
    *points = (Points){values, set->count, (int)pixels};
    cf_set_free(set);
    return true;
}

static void test_mnist(void **state) {
    (void)state;
    Points points;
    int *labels;
    if (!load_test_images(&points, &labels)) return;
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/umap_golden.json", getenv("CIFRA_SOURCE"));
    json_t *golden = json_load_file(path, 0, NULL);
    UmapOptions options = umap_options_defaults();
    Umap *umap;
    Quality quality;
    assert_non_null(golden);
    assert_ok(umap_fit(&points, &options, &umap));
    Points plane = {umap->embedding, umap->n, 2};
    assert_ok(quality_measure(&points, &plane, labels, &(QualityOptions){.seed = 1}, &quality));
    print_message("trustworthiness %.4f, continuity %.4f, 15-NN accuracy %.4f, silhouette %.3f\n",
                  quality.trustworthiness, quality.continuity, quality.knn_accuracy, quality.silhouette);
    assert_true(quality.trustworthiness > lowest_of(golden, "trustworthiness") - 0.005);
    assert_true(quality.continuity > lowest_of(golden, "continuity") - 0.005);
    assert_true(quality.knn_accuracy > lowest_of(golden, "knn_accuracy") - 0.005);
    assert_true(quality.silhouette > lowest_of(golden, "silhouette") - 0.05);
    umap_free(umap);
    json_decref(golden);
    free(labels);
    points_release(&points);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mnist)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
