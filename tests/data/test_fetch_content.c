#include "base/files.h"
#include "base/memory.h"
#include "data/fetch/fetch_steps.h"
#include "data/set_making.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 3000 };
static unsigned char content[SIZE];
static FetchFile packed = {.name = "f.gz", .size = SIZE}, plain = {.name = "f", .size = SIZE};
static const FetchSet set = {.name = "made"};
static char path[256];

static int setup(void **state) {
    (void)state;
    Sha256 *hash;
    for (size_t i = 0; i < SIZE; i++) content[i] = (unsigned char)(i * i / 7);
    if (sha256_new(&hash) || sha256_add(hash, content, SIZE) || sha256_finish(hash, packed.sha256)) return 1;
    memcpy(plain.sha256, packed.sha256, sizeof plain.sha256);
    snprintf(path, sizeof path, "%s/f", scratch_folder());
    return 0;
}

static ContentCheck checked(const FetchFile *file) {
    const FetchOptions options = fetch_defaults();
    ContentCheck check;
    assert_ok(content_check(path, &(FetchTask){&set, file, &options}, &check));
    return check;
}

static void is_right(const FetchFile *file, ContentKind kind) {
    const ContentCheck check = checked(file);
    assert_string_equal(check.why, "");
    assert_int_equal(check.kind, kind);
}

static void is_wrong(const FetchFile *file, const char *why) {
    const ContentCheck check = checked(file);
    assert_int_equal(check.kind, CONTENT_WRONG);
    if (!strstr(check.why, why)) fail_msg("\"%s\" does not hold \"%s\"", check.why, why);
}

static void save_plain(const unsigned char *bytes, size_t size) {
    write_bytes(path, bytes, size);
}

static void save_packed(const unsigned char *bytes, size_t size, const char *mode) {
    gzFile stream = gzopen(path, mode);
    assert_non_null(stream);
    assert_int_equal(gzwrite(stream, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(stream), Z_OK);
}

static void test_right(void **state) {
    (void)state;
    save_plain(content, SIZE);
    is_right(&plain, CONTENT_AS_NAMED);
    is_right(&packed, CONTENT_UNPACKED);
    for (int level = 0; level <= 9; level++) {
        char mode[] = {'w', 'b', (char)('0' + level), '\0'};
        save_packed(content, SIZE, mode);
        is_right(&packed, CONTENT_AS_NAMED);
    }
    /* gzip files one behind the other are one content. */
    save_packed(content, 1000, "wb");
    save_packed(content + 1000, SIZE - 1000, "ab");
    is_right(&packed, CONTENT_AS_NAMED);
}

static void test_md5(void **state) {
    (void)state;
    FetchFile file = {.name = "abc", .size = 3, .md5 = "900150983cd24fb0d6963f7d28e17f72"}; /* RFC 1321, A.5 */
    save_plain((const unsigned char *)"abc", 3);
    is_right(&file, CONTENT_AS_NAMED);
    save_plain((const unsigned char *)"abd", 3);
    is_wrong(&file, "its content has MD5 ");
}

static void test_wrong_plain(void **state) {
    (void)state;
    unsigned char more[SIZE + 1] = {0};
    memcpy(more, content, SIZE);
    save_plain(more, SIZE + 1);
    is_wrong(&plain, "it has more than the 3000 bytes");
    is_wrong(&packed, "it has more than the 3000 bytes");
    save_plain(content, SIZE - 1);
    is_wrong(&plain, "it ends after 2999 bytes of content; 3000 were expected");
    save_plain(content, 0);
    is_wrong(&plain, "it ends after 0 bytes");
    is_wrong(&packed, "it ends after 0 bytes");
    more[1234] ^= 4;
    save_plain(more, SIZE);
    is_wrong(&plain, "its content has SHA-256 ");
    save_plain((const unsigned char *)"<html>log in</html>", 19);
    is_wrong(&plain, "it is a web page");
    is_wrong(&packed, "it is a web page");
    /* Packed where it is not to be. */
    save_packed(content, SIZE, "wb");
    assert_int_equal(checked(&plain).kind, CONTENT_WRONG);
}

static void test_wrong_packed(void **state) {
    (void)state;
    static unsigned char more[1 << 22];
    memcpy(more, content, SIZE);
    save_packed(more, SIZE + 1, "wb");
    is_wrong(&packed, "it unpacks to more than the 3000 bytes");
    save_packed(more, sizeof more, "wb9");
    is_wrong(&packed, "it unpacks to more than the 3000 bytes");
    save_packed(content, SIZE - 1, "wb");
    is_wrong(&packed, "it ends after 2999 bytes");
    more[5] ^= 1;
    save_packed(more, SIZE, "wb");
    is_wrong(&packed, "its content has SHA-256 ");
    save_packed(content, SIZE, "wb");
    FILE *stream = fopen(path, "ab");
    fputs("garbage", stream);
    fclose(stream);
    is_wrong(&packed, "gzip data are damaged");
    save_packed(content, SIZE, "wb");
    save_packed(content, 0, "ab"); /* nothing more is no harm */
    is_right(&packed, CONTENT_AS_NAMED);
}

/* Every bit turned, every length shorter than the whole: found, unless it does not matter to the content. */
static void test_every_cut_and_every_bit(void **state) {
    (void)state;
    unsigned char *bytes;
    size_t size;
    int harmless = 0;
    save_packed(content, SIZE, "wb");
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    const int file = open(path, O_RDWR);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        const unsigned char turned = (unsigned char)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(pwrite(file, &turned, 1, (off_t)(bit / 8)), 1);
        /* Of the header the text flag, the time, how hard it was tried, the system; what fills up deflate's last byte. */
        if (checked(&packed).kind != CONTENT_WRONG) {
            assert_true(bit == 24 || (bit >= 32 && bit < 80) || bit / 8 == size - 9);
            harmless++;
        }
        assert_int_equal(pwrite(file, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
    }
    is_right(&packed, CONTENT_AS_NAMED);
    for (size_t cut = size; cut-- > 0;) {
        assert_int_equal(ftruncate(file, (off_t)cut), 0);
        assert_int_equal(checked(&packed).kind, CONTENT_WRONG);
    }
    close(file);
    free(bytes);
    assert_in_range(harmless, 1 + 48, 1 + 48 + 7);
}

static bool stop(const FetchProgress *progress, void *context) {
    assert_int_equal(progress->stage, FETCH_VERIFIES);
    assert_ptr_equal(progress->set, &set);
    (*(int *)context)++;
    return false;
}

static void test_not_read(void **state) {
    (void)state;
    FetchOptions options = fetch_defaults();
    int calls = 0;
    const FetchTask task = {&set, &plain, &options};
    ContentCheck check = {.kind = CONTENT_AS_NAMED};
    unlink(path);
    assert_fails(content_check(path, &task, &check), CF_IO, "cannot open");
    assert_int_equal(check.kind, CONTENT_WRONG);
    assert_int_equal(mkdir(path, 0777), 0);
    is_wrong(&plain, "it is not a file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    is_wrong(&plain, "it is not a file");
    unlink(path);
    save_plain(content, SIZE);
    options.progress = stop;
    options.context = &calls;
    assert_fails(content_check(path, &task, &check), CF_INTERRUPTED, "stopped while");
    assert_int_equal(calls, 1);
}

static void set_time(time_t seconds) {
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds, .tv_nsec = 5}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_record(void **state) {
    (void)state;
    FetchFile other = plain;
    other.sha256[0] = other.sha256[0] == '0' ? '1' : '0';
    char record[300];
    snprintf(record, sizeof record, "%s.verified", path);
    save_plain(content, SIZE);
    set_time(1000000);
    assert_false(content_is_recorded(path, &plain));
    content_record(path, &plain);
    assert_true(content_is_recorded(path, &plain));
    assert_false(content_is_recorded(path, &other));
    set_time(1000001);
    assert_false(content_is_recorded(path, &plain));
    set_time(1000000);
    assert_true(content_is_recorded(path, &plain));
    save_plain(content, SIZE - 1);
    set_time(1000000);
    assert_false(content_is_recorded(path, &plain));
    save_plain(content, SIZE);
    set_time(1000000);
    assert_true(content_is_recorded(path, &plain));
    struct stat info;
    assert_int_equal(stat(record, &info), 0);
    assert_int_equal(truncate(record, info.st_size - 1), 0);
    assert_false(content_is_recorded(path, &plain));
    content_record(path, &plain);
    content_remove(path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(record, F_OK), 0);
    content_record(path, &plain); /* of nothing: nothing */
    assert_int_not_equal(access(record, F_OK), 0);
    assert_int_equal(mkdir(record, 0777), 0);
    save_plain(content, SIZE);
    content_record(path, &plain); /* cannot be made: no failure, no message */
    assert_string_equal(cf_error(), "");
    assert_false(content_is_recorded(path, &plain));
    rmdir(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_md5),
        cmocka_unit_test(test_wrong_plain),
        cmocka_unit_test(test_wrong_packed),
        cmocka_unit_test(test_every_cut_and_every_bit),
        cmocka_unit_test(test_not_read),
        cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
