/* A file of the size of SVHN's training part, 73,257 images in about 182 MB, must be read in at most 1.3
 * times the memory of its pixels. It is read in a child process, whose peak the system reports. */
#include "data/set_files.h"
#include "data/set_making.h"
#include "testing.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 73257, IMAGE = 32 * 32 * 3, BASELINE_MB = 30, WINDOW = 1 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A slope of some brightness, and noise: about as hard to compress as photographs. */
static void draw(unsigned char *image, uint32_t *random) {
    uint32_t r = *random = *random * 1664525 + 1013904223;
    int base = (int)(r >> 24 & 127), dx = (int)(r >> 16 & 31), dy = (int)(r >> 20 & 31);
    for (int i = 0; i < IMAGE; i++) {
        *random = *random * 1664525 + 1013904223;
        image[i] = (unsigned char)(base + (dx * (i / 32 % 32) + dy * (i % 32)) / 32 + (int)(*random >> 24) % 44);
    }
}

static void deflate_to(z_stream *z, FILE *stream, const void *bytes, size_t size, int flush) {
    static unsigned char out[WINDOW];
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (unsigned)size;
    do {
        z->next_out = out;
        z->avail_out = WINDOW;
        deflate(z, flush);
        assert_int_equal(fwrite(out, 1, WINDOW - z->avail_out, stream), WINDOW - z->avail_out);
    } while (z->avail_out == 0);
}

static size_t write_large(const char *path) {
    static unsigned char image[IMAGE], labels[COUNT];
    MatVariable x = {"X", MX_UINT8, MI_UINT8, 4, {32, 32, 3, COUNT}, NULL, 0, false};
    MatVariable y = {"y", MX_UINT8, MI_UINT8, 2, {COUNT, 1}, labels, COUNT, true};
    Bytes header = mat_header(), head = mat_matrix_head(&x), tail = {0};
    FILE *stream = fopen(path, "wb");
    z_stream z = {0};
    uint32_t random = 1, size = (uint32_t)COUNT * IMAGE;
    assert_non_null(stream);
    put_u32(&header, MI_COMPRESSED);
    put_u32(&header, 0); /* filled in when it is known */
    assert_int_equal(fwrite(header.at, 1, header.size, stream), header.size);
    /* Matches cost time and save little in noise. */
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15, 8, Z_HUFFMAN_ONLY), Z_OK);
    deflate_to(&z, stream, (uint32_t[]){MI_MATRIX, (uint32_t)head.size + 8 + size}, 8, Z_NO_FLUSH);
    deflate_to(&z, stream, head.at, head.size, Z_NO_FLUSH);
    deflate_to(&z, stream, (uint32_t[]){MI_UINT8, size}, 8, Z_NO_FLUSH);
    for (int i = 0; i < COUNT; i++) {
        draw(image, &random);
        labels[i] = (unsigned char)(1 + i % 10);
        deflate_to(&z, stream, image, IMAGE, i + 1 == COUNT ? Z_FINISH : Z_NO_FLUSH);
    }
    uint32_t packed = (uint32_t)z.total_out;
    deflateEnd(&z);
    put_variable(&tail, &y);
    assert_int_equal(fwrite(tail.at, 1, tail.size, stream), tail.size);
    fseek(stream, 132, SEEK_SET);
    assert_int_equal(fwrite(&packed, 1, 4, stream), 4);
    assert_int_equal(fclose(stream), 0);
    free(header.at);
    free(head.at);
    free(tail.at);
    return packed;
}

/* Checks the last image, then reports by its exit status. */
static void read_large(const char *path) {
    static unsigned char image[IMAGE];
    uint32_t random = 1;
    cf_set *set;
    double begin = now();
    if (mat_read(path, &set)) {
        fprintf(stderr, "%s\n", cf_error());
        _exit(1);
    }
    double read = now() - begin;
    if (set_seal(set)) _exit(1);
    printf("read in %.2f s, sealed in %.2f s\n", read, now() - begin - read);
    fflush(stdout);
    for (int i = 0; i < COUNT; i++) draw(image, &random);
    const unsigned char *last = set->pixels + (size_t)(COUNT - 1) * IMAGE;
    for (int h = 0; h < 32; h++)
        for (int w = 0; w < 32; w++)
            for (int c = 0; c < 3; c++)
                if (*last++ != image[h + 32 * w + 1024 * c]) _exit(2);
    _exit(set->count == COUNT && set->labels[COUNT - 1] == COUNT % 10 ? 0 : 3);
}

static void test_mat_memory(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "large.mat");
    double begin = now();
    size_t packed = write_large(path);
    print_message("made %.1f MB in %.2f s\n", (double)packed / 1e6, now() - begin);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) read_large(path);
    int status;
    struct rusage usage;
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    double decoded = (double)COUNT * IMAGE / 1e6, peak = (double)usage.ru_maxrss * 1024 / 1e6;
    print_message("peak %.1f MB for %.1f MB of pixels: %.2f times\n", peak, decoded, peak / decoded);
#if defined(__SANITIZE_ADDRESS__)
    print_message("SKIPPED: the limit on memory (a sanitizer's own memory counts)\n");
#else
    assert_true(peak <= 1.3 * decoded + BASELINE_MB);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mat_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
