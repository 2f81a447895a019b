/* Files: names, whole reads, writes that are all there or not at all, checksums. */
#pragma once

#include "base/memory.h"

#include <stdio.h>

enum { SHA256_HEX = 65 }; /* 64 digits and the end */

/* "folder/name" in a new string; release with free(). */
cf_status file_join(const char *folder, const char *name, char **path);
bool file_exists(const char *path);
/* Whether there is FOLDER/name. */
bool file_exists_in(const char *folder, const char *name);
bool file_is_folder(const char *path);
/* The part after the last '/'; points into `path`. */
const char *file_base_name(const char *path);
/* The same without its ending, in a new string: "a/b.yaml" is "b", "a/.b" ".b". */
cf_status file_stem(const char *path, char **stem);
/* The path without slashes at its end, in a new string; "/" stays. */
cf_status file_trim(const char *path, char **trimmed);
/* Makes a folder and those above it; one that is there already is fine. Where it fails, none is left. */
cf_status file_make_folder(const char *path);
/* The same; *made is the outermost folder that was not there, for file_unmake_folder, or NULL. Release with free(). */
cf_status file_make_folders(const char *path, char **made);
/* Takes away what file_make_folders has made, as far as it is empty; `made` NULL is fine. */
void file_unmake_folders(const char *path, const char *made);
/* Whether a folder could be made now, or written into where it is there; and whether a file could be written, in a folder that is
 * there. For before the work: both leave everything as it is. */
cf_status file_check_folder(const char *path);
cf_status file_check_output(const char *path);

/* Removes a file, or a folder with all that is in it; links are removed, not followed. What is not there is fine. */
cf_status file_remove_tree(const char *path);

/* For AUTO(file_close) FILE *stream = NULL: closes what was opened. */
static inline void file_close(FILE **stream) {
    if (*stream) fclose(*stream);
}

/* The whole file in a new buffer with a zero byte after it; at most `limit` bytes, else an error. */
cf_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size);

/* A file under way: written beside its final name, and renamed onto it by file_commit after its bytes are on disk. Until
 * then the old file, if any, is untouched. Either file_commit or file_abandon ends it. Several processes may have drafts of
 * one path at once; what a killed one has left is taken over by the next. */
typedef struct FileDraft {
    FILE *stream; /* write here; errors are noticed at commit */
    char *path, *aside;
} FileDraft;

cf_status file_draft(const char *path, FileDraft *draft);
cf_status file_commit(FileDraft *draft);
/* The same; the old file, if any, then has the name `previous`, in place of what that was. Where the file system has no links, it
 * is not kept. */
cf_status file_commit_keeping(FileDraft *draft, const char *previous);
/* Fine on a draft that was committed, abandoned, or zeroed. */
void file_abandon(FileDraft *draft);
/* All of it in one call. */
cf_status file_write(const char *path, const void *bytes, size_t size);

/* Locks the open file without waiting (lock.h has folders); *held false: somebody else has it. A file system without locks is an
 * error, with errno. */
bool file_try_lock(int descriptor, bool *held);
/* Whether `path` still is the open file: between open and lock it may have been removed or renamed by who had the lock. */
bool file_is_still(int descriptor, const char *path);

/* SHA-256 (FIPS 180-4), streaming: libcrypto's context. */
typedef struct evp_md_ctx_st Sha256;
cf_status sha256_new(Sha256 **sha);
cf_status sha256_add(Sha256 *sha, const void *bytes, size_t size);
/* Ends and frees it; on any path, sha256_free(NULL) is fine. */
cf_status sha256_finish(Sha256 *sha, char hex[SHA256_HEX]);
void sha256_free(Sha256 *sha);
AUTO_HANDLE(Sha256, sha256_free)
/* Of what is in one piece, and of a text, in one call. */
cf_status sha256_bytes(const void *bytes, size_t size, char hex[SHA256_HEX]);
cf_status sha256_text(const char *text, char hex[SHA256_HEX]);
