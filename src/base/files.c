#include "base/files.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

cf_status file_join(const char *folder, const char *name, char **path) {
    size_t length = strlen(folder);
    return memory_print(path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool file_exists_in(const char *folder, const char *name) {
    AUTO_FREE char *path = NULL;
    return !file_join(folder, name, &path) && file_exists(path);
}

bool file_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *file_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

cf_status file_stem(const char *path, char **stem) {
    const char *name = file_base_name(path), *end = strrchr(name, '.');
    return memory_print(stem, "%.*s", end && end > name ? (int)(end - name) : (int)strlen(name), name);
}

static void cut_slashes(char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
}

/* "a/b" becomes "a", "a" ".", "/a" "/". */
static void cut_last_name(char *path) {
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    else
        strcpy(path, ".");
    cut_slashes(path);
}

cf_status file_trim(const char *path, char **trimmed) {
    FORWARD(memory_copy_string(path, trimmed));
    cut_slashes(*trimmed);
    return CF_OK;
}

/* Makes the folder that `path` ends with at this moment. */
static cf_status make_one_folder(const char *path, char **made) {
    const int reason = mkdir(path, 0777) != 0 ? errno : 0;
    FAIL_IF(reason && !file_is_folder(path), CF_IO, "cannot make the folder %s: %s", path,
            strerror(reason == EEXIST ? ENOTDIR : reason));
    return reason || *made ? CF_OK : memory_copy_string(path, made);
}

cf_status file_make_folders(const char *path, char **made) {
    AUTO_FREE char *copy = NULL, *outermost = NULL;
    FORWARD(memory_copy_string(path, &copy));
    for (char *p = copy + (*copy != '\0');; p++) {
        const char kept = *p;
        if (kept != '/' && kept != '\0') continue;
        *p = '\0';
        const cf_status status = make_one_folder(copy, &outermost);
        if (status) file_unmake_folders(copy, outermost);
        FORWARD(status);
        if (kept == '\0') break;
        *p = kept;
    }
    *made = memory_take(&outermost);
    return CF_OK;
}

/* The rename at the end of a draft would put a file in place of a device such as /dev/stdout. */
static cf_status check_no_device(const char *path) {
    struct stat info;
    FAIL_IF(stat(path, &info) == 0 && !S_ISREG(info.st_mode), CF_IO, "cannot write %s: it is %s, not a file", path,
            S_ISDIR(info.st_mode) ? "a folder" : "a device or a pipe");
    return CF_OK;
}

/* Whether something can be made in a folder that is there: by doing it, since permissions, quotas and kinds of file systems have
 * more to say than access tells. A file without a name leaves no trace; where there are none, a folder is made and removed. */
static cf_status try_folder(const char *folder, int *reason) {
    AUTO_FREE char *probe = NULL;
    const int descriptor = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    *reason = 0;
    if (descriptor >= 0) {
        close(descriptor);
        return CF_OK;
    }
    FORWARD(file_join(folder, ".cifra-XXXXXX", &probe));
    if (!mkdtemp(probe))
        *reason = errno;
    else
        rmdir(probe);
    return CF_OK;
}

/* The nearest folder above that is there decides. */
cf_status file_check_folder(const char *path) {
    AUTO_FREE char *above = NULL;
    struct stat info;
    int reason;
    FORWARD(file_trim(*path ? path : ".", &above));
    while (stat(above, &info) != 0) {
        const int why = errno;
        FAIL_IF(why != ENOENT && why != ENOTDIR, CF_IO, "cannot make the folder %s: %s", path, strerror(why));
        FAIL_IF(lstat(above, &info) == 0, CF_IO, "cannot make the folder %s: %s is a link to nothing", path, above);
        cut_last_name(above);
    }
    FAIL_IF(!S_ISDIR(info.st_mode), CF_IO, "cannot make the folder %s: %s is a file", path, above);
    FORWARD(try_folder(above, &reason));
    FAIL_IF(reason != 0, CF_IO, "cannot write into the folder %s: %s", above, strerror(reason));
    return CF_OK;
}

cf_status file_check_output(const char *path) {
    AUTO_FREE char *folder = NULL;
    struct stat info;
    int reason = 0;
    FAIL_IF(!*path, CF_BAD_USE, "a file to be written has an empty name");
    FORWARD(check_no_device(path));
    FAIL_IF(stat(path, &info) != 0 && errno != ENOENT, CF_IO, "cannot write %s: %s", path, strerror(errno));
    FORWARD(memory_copy_string(path, &folder));
    cut_last_name(folder);
    if (stat(folder, &info) != 0)
        reason = errno;
    else
        FORWARD(try_folder(folder, &reason));
    FAIL_IF(reason != 0, CF_IO, "cannot write %s: %s", path, strerror(reason));
    return CF_OK;
}

cf_status file_make_folder(const char *path) {
    AUTO_FREE char *made = NULL;
    return file_make_folders(path, &made);
}

/* A folder that is not there, or not empty, is passed over: that is no failure of what came to nothing before. */
void file_unmake_folders(const char *path, const char *made) {
    AUTO_FREE char *copy = NULL;
    if (!made || file_trim(path, &copy)) return;
    while (strlen(copy) >= strlen(made)) {
        rmdir(copy);
        if (!strchr(copy + 1, '/')) break;
        cut_last_name(copy);
    }
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path) != 0 && errno != ENOENT ? errno : 0;
}

cf_status file_remove_tree(const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0 && errno == ENOENT) return CF_OK;
    const int failure = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    FAIL_IF(failure != 0, CF_IO, "cannot remove %s: %s", path, strerror(failure > 0 ? failure : errno));
    return CF_OK;
}

static void close_stream(FILE **stream) {
    if (*stream) fclose(*stream);
}

cf_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size) {
    AUTO(close_stream) FILE *stream = fopen(path, "rb");
    AUTO_FREE unsigned char *buffer = NULL;
    struct stat info;
    FAIL_IF(!stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(fstat(fileno(stream), &info) != 0, CF_IO, "%s: %s", path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; a file was expected", path);
    FAIL_IF(info.st_size < 0 || (size_t)info.st_size > limit, CF_BAD_INPUT,
            "%s has %lld bytes; at most %zu were expected of such a file", path, (long long)info.st_size, limit);
    *size = (size_t)info.st_size;
    FORWARD(memory_new(*size + 1, 1, &buffer));
    const size_t got = fread(buffer, 1, *size, stream);
    FAIL_IF(got != *size, CF_IO, "%s: %zu of %zu bytes could be read: %s", path, got, *size,
            ferror(stream) ? strerror(errno) : "the file became shorter");
    *bytes = memory_take(&buffer);
    return CF_OK;
}

bool file_try_lock(int descriptor, bool *held) {
    int result;
    do result = flock(descriptor, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    *held = result == 0;
    return *held || errno == EWOULDBLOCK;
}

bool file_is_still(int descriptor, const char *path) {
    struct stat ours, there;
    return fstat(descriptor, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

/* Whether an open draft is this process's alone; *locks: whether the file system can tell. */
static bool own_draft(int descriptor, const char *aside, bool *locks) {
    struct stat info;
    bool held;
    *locks = file_try_lock(descriptor, &held);
    return *locks && held && file_is_still(descriptor, aside) && fstat(descriptor, &info) == 0 &&
           S_ISREG(info.st_mode) && info.st_nlink == 1 && ftruncate(descriptor, 0) == 0;
}

/* Without locks, a draft is told from those of other processes by their numbers, and those of killed ones stay. */
static cf_status open_by_process(const char *path, char **aside, int *descriptor) {
    unlink(*aside);
    memory_free(aside);
    FORWARD(memory_print(aside, "%s.%ld.part", path, (long)getpid()));
    *descriptor = open(*aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    FAIL_IF(*descriptor < 0, CF_IO, "cannot write %s: %s", path, strerror(errno));
    return CF_OK;
}

/* The first name beside the path that nobody writes to: PATH.part, PATH.2.part .. A draft is locked by its writer, so one that a
 * killed process has left is taken over, and there are never more of them than there were writers at once. */
static cf_status open_aside(const char *path, char **aside, int *descriptor) {
    enum { MOST = 100 };
    struct stat info;
    for (int n = 1; n <= MOST; n++) {
        char number[16] = "";
        if (n > 1) snprintf(number, sizeof number, ".%d", n);
        memory_free(aside);
        FORWARD(memory_print(aside, "%s%s.part", path, number));
        *descriptor = open(*aside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        const int reason = errno;
        if (*descriptor >= 0) {
            bool locks;
            if (own_draft(*descriptor, *aside, &locks)) return CF_OK;
            close(*descriptor);
            if (!locks) return open_by_process(path, aside, descriptor);
        } else if (lstat(*aside, &info) != 0)
            return FAIL(CF_IO, "cannot write %s: %s", path, strerror(reason));
    }
    return FAIL(CF_IO, "cannot write %s: %s and all such names before it are taken", path, *aside);
}

cf_status file_draft(const char *path, FileDraft *draft) {
    AUTO(file_abandon) FileDraft made = {0};
    AUTO_FREE char *aside = NULL; /* the draft's once it is open: it is removed with that */
    int descriptor = -1;
    FORWARD(check_no_device(path));
    FORWARD(memory_copy_string(path, &made.path));
    FORWARD(open_aside(path, &aside, &descriptor));
    made.stream = fdopen(descriptor, "wb");
    if (!made.stream) unlink(aside), close(descriptor);
    FAIL_IF(!made.stream, CF_NO_MEMORY, "out of memory while opening %s", path);
    made.aside = memory_take(&aside);
    *draft = made;
    made = (FileDraft){0};
    return CF_OK;
}

/* A renamed file survives a power cut only when its folder's entry is on disk too. */
static void sync_folder_of(const char *path) {
    AUTO_FREE char *folder = strdup(path);
    if (!folder) return;
    cut_last_name(folder);
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return;
    fsync(descriptor);
    close(descriptor);
}

/* Why an earlier write on the stream failed: stdio keeps that it did, not why, so another byte is tried. */
static int failed_write_reason(FILE *stream) {
    clearerr(stream);
    errno = 0;
    if (fputc(0, stream) != EOF) fflush(stream);
    return errno;
}

/* By a link, so that `path` is there at every moment. */
static void keep_as(const char *path, const char *previous) {
    unlink(previous);
    (void)!link(path, previous);
}

/* The lock goes with the stream, so that is closed last: until then nobody takes the draft for one that was left. */
cf_status file_commit_keeping(FileDraft *draft, const char *previous) {
    errno = 0;
    bool written = !ferror(draft->stream) && fflush(draft->stream) == 0 && fsync(fileno(draft->stream)) == 0;
    int reason = errno;
    if (!written && !reason) reason = failed_write_reason(draft->stream);
    if (written) {
        if (previous) keep_as(draft->path, previous);
        if (rename(draft->aside, draft->path) == 0) {
            sync_folder_of(draft->path);
            fclose(draft->stream);
            free(draft->path);
            free(draft->aside);
            *draft = (FileDraft){0};
            return CF_OK;
        }
        reason = errno;
    }
    cf_status status = FAIL(CF_IO, "cannot write %s: %s; what was there before is kept", draft->path,
                            reason ? strerror(reason) : "a write failed");
    file_abandon(draft);
    return status;
}

cf_status file_commit(FileDraft *draft) {
    return file_commit_keeping(draft, NULL);
}

void file_abandon(FileDraft *draft) {
    if (draft->aside) unlink(draft->aside);
    if (draft->stream) fclose(draft->stream);
    free(draft->path);
    free(draft->aside);
    *draft = (FileDraft){0};
}

cf_status file_write(const char *path, const void *bytes, size_t size) {
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    fwrite(bytes, 1, size, draft.stream);
    return file_commit(&draft);
}

cf_status sha256_new(Sha256 **sha) {
    ERR_set_mark(); /* errors that libcrypto notes for this thread are not left to whoever asks next, nor their memory */
    Sha256 *made = EVP_MD_CTX_new();
    const bool ready = made && EVP_DigestInit_ex(made, EVP_sha256(), NULL) == 1;
    ERR_pop_to_mark();
    if (!ready) EVP_MD_CTX_free(made);
    FAIL_IF(!ready, CF_NO_MEMORY, "libcrypto makes no SHA-256: out of memory, or a libcrypto without it");
    *sha = made;
    return CF_OK;
}

cf_status sha256_add(Sha256 *sha, const void *bytes, size_t size) {
    FAIL_IF(EVP_DigestUpdate(sha, bytes, size) != 1, CF_INTERNAL, "SHA-256 failed in libcrypto");
    return CF_OK;
}

cf_status sha256_finish(Sha256 *sha, char hex[SHA256_HEX]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int done = EVP_DigestFinal_ex(sha, digest, &length);
    sha256_free(sha);
    FAIL_IF(done != 1 || length != 32, CF_INTERNAL, "SHA-256 failed in libcrypto");
    for (unsigned i = 0; i < length; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return CF_OK;
}

void sha256_free(Sha256 *sha) {
    EVP_MD_CTX_free(sha);
}

cf_status sha256_bytes(const void *bytes, size_t size, char hex[SHA256_HEX]) {
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    FORWARD(sha256_new(&sha));
    FORWARD(sha256_add(sha, bytes, size));
    return sha256_finish(memory_take(&sha), hex);
}

cf_status sha256_text(const char *text, char hex[SHA256_HEX]) {
    return sha256_bytes(text, strlen(text), hex);
}
