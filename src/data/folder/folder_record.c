/* What was done with each file of a folder: in notices, and as a table. */
#include "base/text.h"
#include "data/folder/folder.h"

#include <string.h>

/* "a/x.txt, b/y.txt and 3 more" */
static size_t name_some(const FolderListing *listing, FileFate fate, char *text, size_t size) {
    enum { SHOWN = 3 };
    size_t count = 0;
    text[0] = '\0';
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].fate == fate && count++ < SHOWN)
            text_append(text, size, "%s%.120s", count > 1 ? ", " : "", folder_file_name(listing, &listing->files[i]));
    if (count > SHOWN) text_append(text, size, " and %zu more", count - SHOWN);
    return count;
}

static void notice_passed_over(const FolderListing *listing) {
    static const char *const one[] = {NULL, "hidden file was passed over", "file that is no picture was passed over",
                                      "picture beside the class folders was passed over",
                                      "picture cannot be read and was left out"};
    static const char *const many[] = {
        NULL, "hidden files were passed over", "files that are no pictures were passed over",
        "pictures beside the class folders were passed over", "pictures cannot be read and were left out"};
    char some[512];
    for (int fate = FILE_HIDDEN; fate <= FILE_BROKEN; fate++) {
        const size_t count = name_some(listing, (FileFate)fate, some, sizeof some);
        if (count) notice("%zu %s in %s: %s", count, count > 1 ? many[fate] : one[fate], listing->source, some);
    }
}

cf_status folder_count(const FolderListing *listing, PartCounts **counts, PartCounts totals) {
    FORWARD(memory_new((size_t)listing->classes, sizeof **counts, counts));
    memset(totals, 0, sizeof(PartCounts));
    for (size_t i = 0; i < listing->count; i++) {
        const FolderFile *file = &listing->files[i];
        if (file->fate != FILE_READ) continue;
        (*counts)[file->label][file->part]++;
        totals[file->part]++;
    }
    return CF_OK;
}

/* A class without images in a part is the set's own affair, but nobody should have to find out. */
static cf_status notice_lacking(const FolderListing *listing) {
    enum { TOLD = 8 };
    AUTO_FREE PartCounts *counts = NULL;
    PartCounts totals;
    FORWARD(folder_count(listing, &counts, totals));
    for (int p = 0; p < SET_PARTS; p++) {
        int lacking = 0;
        for (int k = 0; k < listing->classes && totals[p]; k++)
            if (!counts[k][p] && lacking++ < TOLD)
                notice("%s has no image of class %s in its %s part", listing->source, listing->names[k],
                       folder_part_words[p]);
        if (lacking > TOLD)
            notice("%s has no image of %d more classes in its %s part", listing->source, lacking - TOLD,
                   folder_part_words[p]);
    }
    return CF_OK;
}

cf_status folder_record_notice(const FolderListing *listing, const ReadOptions *options) {
    size_t resized = 0, turned = 0, read = 0;
    notice_passed_over(listing);
    FORWARD(notice_lacking(listing));
    for (size_t i = 0; i < listing->count; i++) {
        const FolderFile *file = &listing->files[i];
        if (file->fate != FILE_READ) continue;
        read++;
        turned += file->shape.turned;
        resized += file->shape.height != listing->height || file->shape.width != listing->width;
    }
    const char *why = options->height ? ""
                      : options->most_height == listing->height && options->most_width == listing->width
                          ? ", the model's input"
                          : ", the commonest size (--size chooses another)";
    if (resized)
        notice("%zu of %zu images in %s are read at %d x %d pixels (width x height)%s", resized, read, listing->source,
               listing->width, listing->height, why);
    if (turned)
        notice("%zu of %zu images in %s were turned as their camera notes (EXIF)", turned, read, listing->source);
    return CF_OK;
}

cf_status folder_record_csv(const char *path, const FolderListing *listing) {
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    fputs("file,part,class,fate,width,height,channels,format,turned,why\n", draft.stream);
    for (size_t i = 0; i < listing->count; i++) {
        const FolderFile *file = &listing->files[i];
        const bool read = file->fate == FILE_READ;
        csv_text(draft.stream, folder_file_name(listing, file));
        fprintf(draft.stream, ",%s,", file->part < 0 ? "" : folder_part_words[file->part]);
        csv_text(draft.stream, file->label >= 0 ? listing->names[file->label] : "");
        fprintf(draft.stream, ",%s,", file_fate_words[file->fate]);
        if (read)
            fprintf(draft.stream, "%d,%d,%d,%s,%d,", file->shape.width, file->shape.height, file->shape.channels,
                    picture_kind_name(file->shape.kind), file->shape.turned);
        else
            fprintf(draft.stream, ",,,%s,,",
                    file->shape.kind > PICTURE_NONE ? picture_kind_name(file->shape.kind) : "");
        csv_text(draft.stream, file->why ? file->why : "");
        fputc('\n', draft.stream);
    }
    return file_commit(&draft);
}
