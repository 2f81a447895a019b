#include "testing.h"

#include "base/files.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_holds(const char *path, const char *text) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    assert_int_equal(size, strlen(text));
    assert_string_equal((const char *)bytes, text); /* file_read puts a zero byte after it */
    free(bytes);
}

static int entries_in(const char *folder) {
    int count = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (struct dirent *entry; (entry = readdir(open));) count += entry->d_name[0] != '.';
    closedir(open);
    return count;
}

static const char *new_folder(const char *name) {
    const char *path = path_in(scratch_folder(), name);
    assert_ok(file_make_folder(path));
    return path;
}

static void test_names(void **state) {
    (void)state;
    char *path;
    assert_ok(file_join("runs", "a.json", &path));
    assert_string_equal(path, "runs/a.json");
    free(path);
    assert_ok(file_join("runs/", "a.json", &path));
    assert_string_equal(path, "runs/a.json");
    free(path);
    assert_string_equal(file_base_name("a/b/c.png"), "c.png");
    assert_string_equal(file_base_name("c.png"), "c.png");
}

static void test_folders(void **state) {
    (void)state;
    const char *deep = path_in(scratch_folder(), "one/two/three");
    assert_false(file_is_folder(deep));
    assert_ok(file_make_folder(deep));
    assert_true(file_is_folder(deep));
    assert_ok(file_make_folder(deep));
    const char *file = path_in(scratch_folder(), "one/file");
    write_bytes(file, "x", 1);
    assert_true(file_exists(file));
    assert_true(file_exists_in(scratch_folder(), "one/file"));
    assert_false(file_exists_in(scratch_folder(), "nothing"));
    assert_false(file_is_folder(file));
    assert_fails(file_make_folder(path_in(scratch_folder(), "one/file/sub")), CF_IO, "Not a directory");
    assert_fails(file_make_folder(file), CF_IO, "Not a directory");
}

static void test_folders_that_go_again(void **state) {
    (void)state;
    char *made, *trimmed;
    const char *deep = path_in(scratch_folder(), "kept/a//b/c/"), *kept = path_in(scratch_folder(), "kept");
    assert_ok(file_make_folder(kept));
    assert_ok(file_make_folders(deep, &made));
    assert_string_equal(made, path_in(scratch_folder(), "kept/a"));
    assert_true(file_is_folder(deep));
    file_unmake_folders(deep, made);
    free(made);
    assert_true(file_is_folder(kept));
    assert_false(file_exists(path_in(scratch_folder(), "kept/a")));
    assert_ok(file_make_folders(kept, &made));
    assert_null(made);
    file_unmake_folders(kept, made);
    assert_true(file_is_folder(kept));
    /* What holds something stays, and so does what is above it. */
    assert_ok(file_make_folders(deep, &made));
    write_bytes(path_in(scratch_folder(), "kept/a/b/file"), "x", 1);
    file_unmake_folders(deep, made);
    free(made);
    assert_false(file_exists(deep));
    assert_true(file_exists(path_in(scratch_folder(), "kept/a/b/file")));
    /* Where one cannot be made, none of those above it is left. */
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_fails(file_make_folder(path_in(path_in(scratch_folder(), "new/er"), longest)), CF_IO,
                 "cannot make the folder");
    assert_false(file_exists(path_in(scratch_folder(), "new")));
    static const char *const trims[][2] = {{"a/", "a"}, {"a//", "a"}, {"/", "/"},
                                           {"//", "/"}, {"", ""},     {"a/b", "a/b"}};
    for (size_t i = 0; i < sizeof trims / sizeof trims[0]; i++) {
        assert_ok(file_trim(trims[i][0], &trimmed));
        assert_string_equal(trimmed, trims[i][1]);
        free(trimmed);
    }
    static const char *const stems[][2] = {{"a/b.yaml", "b"}, {"b.c.d", "b.c"}, {"a.b/c", "c"}, {"a/.b", ".b"}};
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        assert_ok(file_stem(stems[i][0], &trimmed));
        assert_string_equal(trimmed, stems[i][1]);
        free(trimmed);
    }
}

static void test_read_refusals(void **state) {
    (void)state;
    unsigned char *bytes;
    size_t size;
    const char *file = path_in(scratch_folder(), "ten");
    write_bytes(file, "0123456789", 10);
    assert_ok(file_read(file, 10, &bytes, &size));
    free(bytes);
    assert_fails(file_read(file, 9, &bytes, &size), CF_BAD_INPUT, "has 10 bytes; at most 9");
    assert_fails(file_read(scratch_folder(), 9, &bytes, &size), CF_BAD_INPUT, "is a folder");
    assert_fails(file_read(path_in(scratch_folder(), "none"), 9, &bytes, &size), CF_IO, "No such file");
}

static void test_draft_replaces_only_at_commit(void **state) {
    (void)state;
    FileDraft draft;
    const char *folder = new_folder("draft"), *path = path_in(folder, "f");
    assert_ok(file_write(path, "old", 3));
    assert_ok(file_draft(path, &draft));
    fputs("new and longer", draft.stream);
    fflush(draft.stream);
    assert_holds(path, "old");
    assert_ok(file_commit(&draft));
    assert_holds(path, "new and longer");
    assert_int_equal(entries_in(folder), 1);
    file_abandon(&draft); /* after a commit: nothing happens */
    assert_holds(path, "new and longer");
}

static void test_draft_left_aside(void **state) {
    (void)state;
    FileDraft draft;
    const char *folder = new_folder("aside"), *path = path_in(folder, "f");
    assert_ok(file_write(path, "old", 3));
    assert_ok(file_draft(path, &draft));
    fputs("half of it", draft.stream);
    file_abandon(&draft);
    file_abandon(&draft);
    assert_holds(path, "old");
    assert_int_equal(entries_in(folder), 1);
}

/* Two writers of one path do not meet, and the last to commit wins. */
static void test_drafts_at_once(void **state) {
    (void)state;
    FileDraft first, second;
    const char *folder = new_folder("at-once"), *path = path_in(folder, "f");
    assert_ok(file_draft(path, &first));
    assert_ok(file_draft(path, &second));
    assert_string_not_equal(first.aside, second.aside);
    fputs("first", first.stream);
    fputs("the second", second.stream);
    assert_ok(file_commit(&first));
    assert_holds(path, "first");
    assert_ok(file_commit(&second));
    assert_holds(path, "the second");
    assert_int_equal(entries_in(folder), 1);
}

static void die_with_drafts(const char *path) {
    FileDraft one, two;
    if (file_draft(path, &one) || file_draft(path, &two)) _exit(1);
    fputs("longer than what comes next", one.stream);
    fflush(one.stream);
    kill(getpid(), SIGKILL);
}

/* However many processes are killed, no more is left than one of them had under way. */
static void test_drafts_of_the_dead_are_taken_over(void **state) {
    (void)state;
    const char *folder = new_folder("dead"), *path = path_in(folder, "f");
    for (int i = 0; i < 5; i++) {
        int status;
        const pid_t child = fork();
        if (child == 0) die_with_drafts(path);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(entries_in(folder), 2);
    }
    assert_ok(file_write(path, "short", 5));
    assert_holds(path, "short");
    assert_int_equal(entries_in(folder), 2); /* the file, and the second draft */
}

/* Names beside a path that are no drafts of ours are passed over and stay as they are. */
static void test_drafts_leave_others_alone(void **state) {
    (void)state;
    const char *folder = new_folder("others"), *path = path_in(folder, "f"), *target = path_in(folder, "target");
    write_bytes(target, "kept", 4);
    assert_int_equal(symlink(target, path_in(folder, "f.part")), 0);
    assert_int_equal(link(target, path_in(folder, "f.2.part")), 0);
    assert_ok(file_make_folder(path_in(folder, "f.3.part")));
    assert_ok(file_write(path, "new", 3));
    assert_holds(path, "new");
    assert_holds(target, "kept");
    assert_int_equal(entries_in(folder), 5);
}

static void test_commit_keeps_the_one_before(void **state) {
    (void)state;
    FileDraft draft;
    const char *folder = new_folder("keeping"), *path = path_in(folder, "f"), *before = path_in(folder, "before");
    const char *texts[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        assert_ok(file_draft(path, &draft));
        fputs(texts[i], draft.stream);
        assert_ok(file_commit_keeping(&draft, before));
        assert_holds(path, texts[i]);
        if (i) assert_holds(before, texts[i - 1]);
        assert_int_equal(entries_in(folder), i ? 2 : 1);
    }
    assert_ok(file_draft(path, &draft)); /* a write that fails changes neither */
    fclose(draft.stream);
    draft.stream = fopen("/dev/full", "wb");
    if (!draft.stream) return;
    fputs("x", draft.stream);
    assert_fails(file_commit_keeping(&draft, before), CF_IO, "No space left");
    assert_holds(path, "three");
    assert_holds(before, "two");
}

static void test_unwritable_places(void **state) {
    (void)state;
    FileDraft draft;
    assert_fails(file_write(path_in(scratch_folder(), "no-such-folder/f"), "x", 1), CF_IO, "No such file");
    assert_fails(file_draft(scratch_folder(), &draft), CF_IO, "it is a folder");
    assert_fails(file_draft("/dev/null", &draft), CF_IO, "it is a device");
    if (geteuid() == 0) {
        /* Nothing is unwritable for root, but /proc takes no new files. */
        assert_fails(file_write("/proc/cifra-test", "x", 1), CF_IO, "cannot write /proc/cifra-test");
        return;
    }
    const char *folder = new_folder("locked");
    assert_int_equal(chmod(folder, 0555), 0);
    assert_fails(file_write(path_in(folder, "f"), "x", 1), CF_IO, "Permission denied");
    chmod(folder, 0755);
}

/* A full disk, as seen by a program: write fails. A limit on the size of files does the same with another
 * reason. */
static void test_full_disk_keeps_the_old_file(void **state) {
    (void)state;
    static const char big[100000];
    const char *folder = new_folder("full"), *path = path_in(folder, "f");
    struct rlimit before, small;
    assert_ok(file_write(path, "old", 3));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cf_status status = file_write(path, big, sizeof big);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(status, CF_IO, "what was there before is kept");
    assert_holds(path, "old");
    assert_int_equal(entries_in(folder), 1);
}

/* /dev/full takes nothing; a draft whose stream is exchanged for it sees the reason of a full disk. */
static void test_full_device_is_noticed(void **state) {
    (void)state;
    FileDraft draft;
    const char *folder = new_folder("full-device"), *path = path_in(folder, "f");
    if (access("/dev/full", W_OK) != 0) {
        print_message("SKIPPED: a full disk (no /dev/full)\n");
        skip();
    }
    assert_ok(file_write(path, "old", 3));
    assert_ok(file_draft(path, &draft));
    fclose(draft.stream);
    draft.stream = fopen("/dev/full", "wb");
    assert_non_null(draft.stream);
    fputs("x", draft.stream);
    assert_fails(file_commit(&draft), CF_IO, "No space left");
    assert_holds(path, "old");
    assert_int_equal(entries_in(folder), 1);
}

static void sum_of(const void *bytes, size_t size, size_t step, char hex[SHA256_HEX]) {
    Sha256 *sha;
    assert_ok(sha256_new(&sha));
    for (size_t i = 0; i < size; i += step)
        assert_ok(sha256_add(sha, (const char *)bytes + i, size - i < step ? size - i : step));
    assert_ok(sha256_finish(sha, hex));
}

/* FIPS 180-4's examples: one block, two blocks, and a million letters. */
static void test_sha256_known_answers(void **state) {
    (void)state;
    static char million[1000000];
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    char hex[SHA256_HEX];
    memset(million, 'a', sizeof million);
    sum_of("", 0, 1, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sum_of("abc", 3, 1, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sum_of(two, sizeof two - 1, 7, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    sum_of(million, sizeof million, 4099, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sha256_free(NULL);
}

static void test_remove_tree(void **state) {
    (void)state;
    const char *folder = new_folder("tree/a/b"), *outside = new_folder("outside"), *kept = path_in(outside, "kept");
    write_bytes(kept, "x", 1);
    write_bytes(path_in(folder, "file"), "x", 1);
    assert_int_equal(symlink(outside, path_in(folder, "link")), 0);
    const char *tree = path_in(scratch_folder(), "tree");
    assert_ok(file_remove_tree(tree));
    assert_false(file_exists(tree));
    assert_true(file_exists(kept)); /* a link's target is not what the link's owner may remove */
    assert_ok(file_remove_tree(tree));
    assert_ok(file_remove_tree(kept)); /* a file */
    assert_false(file_exists(kept));
}

static void test_sha256_of_a_text(void **state) {
    (void)state;
    char hex[SHA256_HEX];
    assert_ok(sha256_text("abc", hex));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180-4 */
}

/* Before the work it is told what would fail after it; and nothing is left by asking. */
static void test_checks_before(void **state) {
    (void)state;
    const char *folder = new_folder("checks");
    char long_name[400], text[5000], linked[5000];
    write_bytes(path_in(folder, "file"), "x", 1);
    snprintf(linked, sizeof linked, "%s/link", folder);
    assert_int_equal(symlink("nothing", linked), 0);
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    const int before = entries_in(folder);
    assert_ok(file_check_folder(folder));
    static const char *const good[] = {"", "/", "/new", "/new/", "/new/deep//er", "/./new"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "%s%s", folder, good[i]);
        assert_ok(file_check_folder(text));
    }
    static const char *const bad[] = {"/file", "/file/", "/file/new", "/./file/deep/er", "/link", "/link/new"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "%s%s", folder, bad[i]);
        assert_fails(file_check_folder(text), CF_IO, i < 4 ? "is a file" : "is a link to nothing");
    }
    assert_fails(file_check_folder("/dev/null/new"), CF_IO, "/dev/null is a file");
    snprintf(text, sizeof text, "%s/%s", folder, long_name);
    assert_fails(file_check_folder(text), CF_IO, "too long");
    assert_fails(file_check_output(text), CF_IO, "too long");
    assert_fails(file_check_folder("/proc/new"), CF_IO, "/proc");
    assert_fails(file_check_output("/proc/new"), CF_IO, "/proc/new");
    assert_ok(file_check_output(path_in(folder, "file")));
    assert_ok(file_check_output(path_in(folder, "new")));
    assert_ok(file_check_output("new-in-this-folder"));
    assert_fails(file_check_output(folder), CF_IO, "a folder, not a file");
    assert_fails(file_check_output("/dev/null"), CF_IO, "a device");
    assert_fails(file_check_output(path_in(folder, "new/file")), CF_IO, "No such file");
    assert_fails(file_check_output(path_in(folder, "file/new")), CF_IO, "Not a directory");
    assert_int_equal(entries_in(folder), before);
    if (geteuid() != 0) {
        assert_int_equal(chmod(folder, 0555), 0);
        assert_fails(file_check_folder(path_in(folder, "new")), CF_IO, "Permission denied");
        assert_fails(file_check_output(path_in(folder, "new")), CF_IO, "Permission denied");
        assert_int_equal(chmod(folder, 0755), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_checks_before),
        cmocka_unit_test(test_folders_that_go_again),
        cmocka_unit_test(test_read_refusals),
        cmocka_unit_test(test_draft_replaces_only_at_commit),
        cmocka_unit_test(test_draft_left_aside),
        cmocka_unit_test(test_drafts_at_once),
        cmocka_unit_test(test_drafts_of_the_dead_are_taken_over),
        cmocka_unit_test(test_drafts_leave_others_alone),
        cmocka_unit_test(test_commit_keeps_the_one_before),
        cmocka_unit_test(test_unwritable_places),
        cmocka_unit_test(test_full_disk_keeps_the_old_file),
        cmocka_unit_test(test_full_device_is_noticed),
        cmocka_unit_test(test_sha256_known_answers),
        cmocka_unit_test(test_remove_tree),
        cmocka_unit_test(test_sha256_of_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
