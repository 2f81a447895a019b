#include "umap_making.h"

#include "embed/umap.h"

#include <stdio.h>
#include <unistd.h>

static UmapOptions options_of(int threads) {
    UmapOptions options = umap_options_defaults();
    options.threads = threads;
    options.epochs = 60;
    return options;
}

static Umap *fit(const Points *points, const UmapOptions *options) {
    Umap *umap = NULL;
    assert_ok(umap_fit(points, options, &umap));
    assert_int_equal(umap->n, points->n);
    for (size_t v = 0; v < umap->n * (size_t)options->components; v++) assert_true(fabsf(umap->embedding[v]) < 1e4f);
    return umap;
}

/* ---- Notices ---- */

static char noticed[500];

static void keep_notice(const char *text, void *context) {
    (void)context;
    snprintf(noticed, sizeof noticed, "%s", text);
}

/* ---- Tests ---- */

static void test_same_bits(void **state) {
    (void)state;
    Points points = grouped_points(1500, 8, 3, 5, 1);
    static const UmapInit inits[] = {UMAP_SPECTRAL, UMAP_PCA, UMAP_RANDOM};
    for (size_t i = 0; i < COUNT_OF(inits); i++) {
        Umap *first = NULL;
        for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
            UmapOptions options = options_of(embed_thread_counts[t]);
            options.init = inits[i];
            Umap *umap = fit(&points, &options);
            assert_string_equal(umap->init_used, umap_init_name(inits[i]));
            if (first) assert_memory_equal(umap->embedding, first->embedding, 2 * points.n * sizeof(float));
            if (first)
                umap_free(umap);
            else
                first = umap;
        }
        umap_free(first);
    }
    points_release(&points);
}

static void test_seed_matters(void **state) {
    (void)state;
    Points points = grouped_points(300, 4, 2, 3, 1);
    UmapOptions options = options_of(2);
    Umap *first = fit(&points, &options);
    options.seed = 2;
    Umap *second = fit(&points, &options);
    assert_memory_not_equal(first->embedding, second->embedding, 2 * points.n * sizeof(float));
    umap_free(first);
    umap_free(second);
    points_release(&points);
}

/* Mean distance within the classes over that between them. */
static double mixing(const Umap *umap, const int *label) {
    double sum[2] = {0}, count[2] = {0};
    for (size_t i = 0; i < umap->n; i++)
        for (size_t j = 0; j < i; j++) {
            int same = label[i] == label[j];
            sum[same] += hypot((double)umap->embedding[2 * i] - (double)umap->embedding[2 * j],
                               (double)umap->embedding[2 * i + 1] - (double)umap->embedding[2 * j + 1]);
            count[same]++;
        }
    return sum[1] / count[1] / (sum[0] / count[0]);
}

static void test_target(void **state) {
    (void)state;
    Points points = normal_points(400, 5, 3);
    int label[400];
    for (int i = 0; i < 400; i++) label[i] = points.values[5 * i] > 0;
    UmapOptions options = options_of(2);
    Umap *plain = fit(&points, &options);
    options.target = label;
    Umap *supervised = fit(&points, &options);
    assert_null(supervised->options.target);
    assert_true(mixing(supervised, label) < 0.7 * mixing(plain, label));
    umap_free(plain);
    umap_free(supervised);
    points_release(&points);
}

static void test_transform_alone_and_together(void **state) {
    (void)state;
    Points points = grouped_points(1200, 6, 3, 6, 1), fresh = grouped_points(700, 6, 3, 6, 99);
    UmapOptions options = options_of(2);
    Umap *umap = fit(&points, &options);
    float *together = floats_new(1400), *again = floats_new(1400);
    assert_ok(umap_transform(umap, &fresh, 1, together));
    for (size_t t = 1; t < COUNT_OF(embed_thread_counts); t++) {
        assert_ok(umap_transform(umap, &fresh, embed_thread_counts[t], again));
        assert_memory_equal(again, together, 1400 * sizeof(float));
    }
    static const size_t firsts[] = {0, 1, 17, 511, 699};
    for (size_t f = 0; f < COUNT_OF(firsts); f++) {
        Points one = {points_row(&fresh, firsts[f]), 1, 6};
        float alone[2];
        assert_ok(umap_transform(umap, &one, 2, alone));
        assert_memory_equal(alone, together + 2 * firsts[f], sizeof alone);
    }
    /* New points lie with their group: the nearest training point in the plane is nearly always of it. */
    int right = 0;
    for (size_t i = 0; i < 700; i++) {
        size_t best = 0;
        float least = INFINITY;
        for (size_t j = 0; j < 1200; j++) {
            float d =
                hypotf(together[2 * i] - umap->embedding[2 * j], together[2 * i + 1] - umap->embedding[2 * j + 1]);
            if (d < least) least = d, best = j;
        }
        right += best % 3 == i % 3;
    }
    assert_true(right > 690);
    free(together);
    free(again);
    umap_free(umap);
    points_release(&points);
    points_release(&fresh);
}

static void test_transform_refuses(void **state) {
    (void)state;
    Points points = normal_points(50, 6, 1), other = normal_points(5, 4, 1);
    UmapOptions options = options_of(1);
    Umap *umap = fit(&points, &options);
    float y[10];
    assert_fails(umap_transform(umap, &other, 1, y), CF_BAD_USE, "4 values each, those the embedding is of 6");
    umap_free(umap);
    points_release(&points);
    points_release(&other);
}

/* ---- Odd input ---- */

static void test_few_points(void **state) {
    (void)state;
    cf_set_notice_handler(keep_notice, NULL);
    for (size_t n = 1; n <= 16; n++)
        for (int components = 1; components <= 4; components++) {
            Points points = normal_points(n, 3, n);
            UmapOptions options = options_of(2);
            float one[4];
            options.components = components;
            noticed[0] = 0;
            Umap *umap = fit(&points, &options);
            if (n < 15) assert_non_null(strstr(noticed, "15 neighbors were asked for"));
            if (n >= 15) assert_string_equal(noticed, "");
            assert_int_equal(umap->options.neighbors, n < 15 ? n : 15);
            Points first = {points.values, 1, 3};
            assert_ok(umap_transform(umap, &first, 1, one));
            assert_ok(umap_write(umap, path_in(scratch_folder(), "few.safetensors")));
            umap_free(umap);
            assert_ok(umap_read(path_in(scratch_folder(), "few.safetensors"), &umap));
            umap_free(umap);
            points_release(&points);
        }
    cf_set_notice_handler(NULL, NULL);
}

static void test_all_equal(void **state) {
    (void)state;
    static const UmapInit inits[] = {UMAP_SPECTRAL, UMAP_PCA, UMAP_RANDOM};
    for (size_t i = 0; i < COUNT_OF(inits); i++) {
        Points points = {floats_new(300 * 4), 300, 4};
        UmapOptions options = options_of(2);
        options.init = inits[i];
        Umap *umap = fit(&points, &options);
        for (size_t p = 1; p < 300; p++) /* no two at one place */
            assert_memory_not_equal(umap->embedding, umap->embedding + 2 * p, 2 * sizeof(float));
        umap_free(umap);
        points_release(&points);
    }
}

static void test_duplicates(void **state) {
    (void)state;
    Points points = normal_points(400, 4, 6);
    for (size_t i = 0; i < 200; i++) /* every point twice, the first hundred four times */
        memcpy(values_of(&points) + 4 * (200 + i), points.values + 4 * (i % 100), 4 * sizeof(float));
    UmapOptions options = options_of(2);
    umap_free(fit(&points, &options));
    points_release(&points);
}

static void test_groups_apart(void **state) {
    (void)state;
    static const int groups[] = {2, 7};
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        Points points = grouped_points(80 * (size_t)groups[g], 8, groups[g], 1000, 2);
        UmapOptions options = options_of(2);
        Umap *umap = fit(&points, &options);
        assert_string_equal(umap->init_used, "spectral");
        umap_free(umap);
        points_release(&points);
    }
    /* Pairs far from each other: more parts than are placed one by one. */
    Points pairs = normal_points(800, 2, 3);
    for (size_t i = 0; i < 800; i++) values_of(&pairs)[2 * i] += (float)(1000 * (i / 2));
    UmapOptions options = options_of(2);
    options.neighbors = 2;
    Umap *umap = fit(&pairs, &options);
    assert_string_equal(umap->init_used, "pca (the graph is in 400 parts)");
    umap_free(umap);
    points_release(&pairs);
}

/* Three groups of other spreads: densMAP keeps their densities, UMAP does not; it takes no new points, and has 200 epochs more. */
static void test_densmap(void **state) {
    (void)state;
    static const double spreads[] = {0.3, 1, 3};
    Points points = grouped_points(900, 6, 3, 40, 4);
    double correlation[2];
    for (size_t i = 0; i < 900; i++)
        for (size_t d = 0; d < 6; d++) {
            float *x = &values_of(&points)[i * 6 + d];
            const double centre = d == i % 3 ? 40 : 0;
            *x = (float)(centre + spreads[i % 3] * ((double)*x - centre));
        }
    for (int dense = 0; dense < 2; dense++) {
        UmapOptions options = options_of(2);
        options.epochs = 200, options.densmap = dense;
        Umap *umap = fit(&points, &options);
        assert_ok(umap_density_correlation(umap, &correlation[dense]));
        if (dense) {
            float unused[2];
            const Points one = {points.values, 1, 6};
            assert_fails(umap_transform(umap, &one, 1, unused), CF_BAD_USE, "densMAP");
            assert_fails(umap_write(umap, "never"), CF_BAD_USE, "densMAP");
            /* Of UMAP's embedding of the same points it is near nothing. */
            options.densmap = false;
            Umap *plain = fit(&points, &options);
            plain->radius = umap->radius;
            assert_ok(umap_density_correlation(plain, &correlation[0]));
            plain->radius = NULL;
            umap_free(plain);
        } else
            assert_true(isnan(correlation[0]));
        umap_free(umap);
    }
    assert_true(correlation[1] > 0.8);
    assert_true(correlation[0] < 0.5);
    points_release(&points);
    points = grouped_points(40, 3, 2, 4, 4);
    UmapOptions options = umap_options_defaults();
    options.densmap = true;
    Umap *umap = fit(&points, &options);
    assert_int_equal(umap->options.epochs, 700);
    umap_free(umap);
    points_release(&points);
}

/* The drawn rows lie where the fit has them, each other one where umap_transform puts it; at any number of threads, in their order. */
static void test_subset(void **state) {
    (void)state;
    Points points = grouped_points(500, 5, 2, 6, 9);
    float *all[2];
    int target[500];
    for (int i = 0; i < 500; i++) target[i] = i % 2;
    for (int turn = 0; turn < 2; turn++) {
        UmapOptions options = options_of(turn ? 3 : 1);
        Umap *umap;
        size_t met = 0;
        options.target = target;
        all[turn] = floats_new(1000);
        assert_ok(umap_fit_subset(&points, 120, &options, &umap, all[turn]));
        assert_int_equal(umap->n, 120);
        for (size_t i = 0; i < 500; i++) {
            float own[2];
            const Points one = {points_row(&points, i), 1, 5};
            if (met < 120 && memcmp(one.values, umap->points + met * 5, 5 * sizeof(float)) == 0)
                memcpy(own, umap->embedding + 2 * met++, sizeof own);
            else
                assert_ok(umap_transform(umap, &one, 1, own));
            assert_memory_equal(own, all[turn] + 2 * i, sizeof own);
        }
        assert_int_equal(met, 120);
        umap_free(umap);
    }
    assert_memory_equal(all[0], all[1], 1000 * sizeof(float));
    UmapOptions options = options_of(1);
    Umap *umap;
    assert_fails(umap_fit_subset(&points, 500, &options, &umap, all[0]), CF_BAD_USE, "1 to 499 are possible");
    options.densmap = true;
    assert_fails(umap_fit_subset(&points, 50, &options, &umap, all[0]), CF_BAD_USE, "densMAP");
    free(all[0]), free(all[1]);
    points_release(&points);
}

static void test_one_dimension(void **state) {
    (void)state;
    Points points = normal_points(200, 1, 3);
    for (int components = 1; components <= 3; components++) {
        UmapOptions options = options_of(2);
        options.components = components;
        umap_free(fit(&points, &options));
        options.init = UMAP_PCA;
        umap_free(fit(&points, &options));
    }
    points_release(&points);
}

static void test_cosine(void **state) {
    (void)state;
    Points points = grouped_points(300, 6, 3, 8, 1);
    UmapOptions options = options_of(2);
    options.metric = METRIC_COSINE;
    Umap *umap = fit(&points, &options);
    float y[2];
    Points one = {points.values, 1, 6};
    assert_ok(umap_transform(umap, &one, 1, y));
    umap_free(umap);
    points_release(&points);
}

/* ---- Options, progress ---- */

static void test_options_refused(void **state) {
    (void)state;
    Points points = normal_points(50, 3, 1);
    Umap *umap = NULL;
#define REFUSED(member, value, message)                                                                                \
    do {                                                                                                               \
        UmapOptions options = options_of(1);                                                                           \
        options.member = value;                                                                                        \
        assert_fails(umap_fit(&points, &options, &umap), CF_BAD_USE, message);                                         \
        assert_null(umap);                                                                                             \
    } while (0)
    REFUSED(neighbors, 1, "neighbors 1: 2 to 1024");
    REFUSED(components, 0, "components 0");
    REFUSED(components, 65, "components 65");
    REFUSED(min_dist, -0.1, "min-dist -0.1");
    REFUSED(min_dist, 1.1, "min-dist 1.1: 0 to the spread, 1");
    REFUSED(min_dist, (double)NAN, "min-dist");
    REFUSED(spread, 0, "spread 0");
    REFUSED(epochs, -1, "epochs -1");
    REFUSED(negative_sample_rate, -1, "negative-sample-rate -1");
    REFUSED(learning_rate, 0, "learning-rate 0");
    REFUSED(repulsion, -1, "repulsion -1");
    REFUSED(set_op_mix, 1.5, "set-op-mix 1.5");
    REFUSED(local_connectivity, 15, "local-connectivity 15");
    REFUSED(target_weight, 2, "target-weight 2");
    points_release(&points);
}

typedef struct Progress {
    double done[UMAP_STAGES];
    UmapStage stop_in;
} Progress;

static bool follow(UmapStage stage, double done, void *context) {
    Progress *progress = context;
    assert_true(done >= progress->done[stage] && done <= 1);
    progress->done[stage] = done;
    return stage != progress->stop_in;
}

static void test_progress(void **state) {
    (void)state;
    Points points = grouped_points(300, 4, 2, 2, 1);
    for (int stop_in = 0; stop_in <= UMAP_STAGES; stop_in++) {
        Progress progress = {.stop_in = (UmapStage)stop_in};
        UmapOptions options = options_of(2);
        Umap *umap = NULL;
        options.progress = follow;
        options.progress_context = &progress;
        if (stop_in < UMAP_STAGES) {
            assert_fails(umap_fit(&points, &options, &umap), CF_INTERRUPTED, "stopped");
            assert_null(umap);
            continue;
        }
        assert_ok(umap_fit(&points, &options, &umap));
        for (int s = 0; s < UMAP_STAGES; s++) {
            assert_true(progress.done[s] == 1);
            assert_true(umap->seconds[s] > 0);
        }
        umap_free(umap);
    }
    points_release(&points);
}

static void test_memory(void **state) {
    (void)state;
    UmapOptions options = options_of(1);
    size_t small = umap_memory(1000, 50, &options), large = umap_memory(100000, 50, &options);
    assert_true(small > 1000 * (50 + 2) * sizeof(float));
    assert_true(large > 50 * small && large < 100000 * (size_t)10000);
    assert_true(umap_memory(1, 1, &options) > 0);
}

/* ---- The file ---- */

static void test_round_trip(void **state) {
    (void)state;
    Points points = grouped_points(300, 4, 2, 2, 1), fresh = normal_points(20, 4, 5);
    UmapOptions options = options_of(2);
    const char *path = path_in(scratch_folder(), "umap.safetensors");
    float before[60], after[60];
    options.components = 3;
    options.min_dist = 0.1 + 1e-9;
    options.seed = UINT64_MAX - 1;
    Umap *umap = fit(&points, &options), *read;
    assert_ok(umap_write(umap, path));
    assert_ok(umap_read(path, &read));
    assert_int_equal(read->n, 300);
    assert_int_equal(read->dim, 4);
    assert_true(read->a == umap->a && read->b == umap->b && read->options.min_dist == options.min_dist);
    assert_int_equal(read->options.seed, options.seed);
    assert_string_equal(read->init_used, umap->init_used);
    assert_memory_equal(read->points, umap->points, 300 * 4 * sizeof(float));
    assert_memory_equal(read->embedding, umap->embedding, 300 * 3 * sizeof(float));
    assert_ok(umap_transform(umap, &fresh, 1, before));
    assert_ok(umap_transform(read, &fresh, 1, after));
    assert_memory_equal(before, after, sizeof before);
    umap_free(umap);
    umap_free(read);
    points_release(&points);
    points_release(&fresh);
}

/* Replaces one word of a written file by another of the same length. */
static void spoil(const char *path, const char *word, const char *by) {
    char *bytes;
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    fseek(stream, 0, SEEK_END);
    size_t size = (size_t)ftell(stream), at = 0;
    rewind(stream);
    assert_ok(memory_new(size, 1, &bytes));
    assert_int_equal(fread(bytes, 1, size, stream), size);
    fclose(stream);
    while (at + strlen(word) < size && memcmp(bytes + at, word, strlen(word)) != 0) at++;
    assert_true(at + strlen(word) < size);
    memcpy(bytes + at, by, strlen(by));
    write_bytes(path, bytes, size);
    free(bytes);
}

static void test_damaged(void **state) {
    (void)state;
    static const char *const faults[][3] = {
        {"cifra-umap-1", "cifra-umap-9", "not an embedding that cifra wrote"},
        {"\"components\":\"2\"", "\"components\":\"3\"", "does not fit the rest"},
        {"\"components\":\"2\"", "\"components\":\"x\"", "should be a number, and is x"},
        {"\"neighbors\":\"15\"", "\"neighbors\":\"00\"", "neighbors 0"},
        {"\"epochs\":\"60\"", "\"epochs\":\"00\"", "epochs"},
        {"\"metric\":\"euclidean\"", "\"metric\":\"minkowski\"", "the metric is minkowski"},
        {"\"seed\":\"1\"", "\"seal\":\"1\"", "\"seed\" should be a number, and is missing"},
        {"\"embedding\":", "\"embeddinG\":", "\"embedding\" with two dimensions is missing"},
    };
    Points points = normal_points(40, 3, 1);
    UmapOptions options = options_of(1);
    const char *path = path_in(scratch_folder(), "damaged.safetensors");
    Umap *umap = fit(&points, &options), *read = NULL;
    for (size_t f = 0; f < COUNT_OF(faults); f++) {
        assert_ok(umap_write(umap, path));
        spoil(path, faults[f][0], faults[f][1]);
        assert_fails(umap_read(path, &read), CF_BAD_INPUT, path);
        spoil(path, "file_sha256", "something_x"); /* the same without a checksum that would tell */
        assert_fails(umap_read(path, &read), CF_BAD_INPUT, faults[f][2]);
        assert_non_null(strstr(cf_error(), path));
        assert_null(read);
    }
    /* Columns as the options say, but fewer rows than points. */
    assert_ok(umap_write(umap, path));
    spoil(path, "\"components\":\"2\"", "\"components\":\"4\"");
    spoil(path, "\"shape\":[40,2]", "\"shape\":[20,4]");
    spoil(path, "file_sha256", "something_x");
    assert_fails(umap_read(path, &read), CF_BAD_INPUT, "\"embedding\" is 20 x 4, and does not fit the rest");
    /* An offset without values that are floats. */
    assert_ok(memory_new(3, sizeof(double), &umap->offset));
    assert_ok(umap_write(umap, path));
    spoil(path, "\"offset\":{\"dtype\":\"F32\"", "\"offset\":{\"dtype\":\"I32\"");
    spoil(path, "file_sha256", "something_x");
    assert_fails(umap_read(path, &read), CF_BAD_INPUT, "the tensor offset has dtype I32");
    umap->embedding[5] = NAN;
    assert_ok(umap_write(umap, path));
    assert_fails(umap_read(path, &read), CF_BAD_INPUT, "embedding");
    assert_int_equal(truncate(path, 200), 0);
    assert_fails(umap_read(path, &read), CF_BAD_INPUT, path);
    umap_free(umap);
    points_release(&points);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_seed_matters),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_transform_alone_and_together),
        cmocka_unit_test(test_transform_refuses),
        cmocka_unit_test(test_few_points),
        cmocka_unit_test(test_all_equal),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_groups_apart),
        cmocka_unit_test(test_densmap),
        cmocka_unit_test(test_subset),
        cmocka_unit_test(test_one_dimension),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
