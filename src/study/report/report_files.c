/* The page of what was done with each file of a set of pictures, from the template files.html. */
#include "study/report/report.h"

#include "base/memory.h"
#include "data/set_text.h"
#include "study/report/report_inside.h"

#include <stdlib.h>

typedef struct FilesPage {
    const char *name;
    const FolderListing *listing;
} FilesPage;

static size_t count_of(const FolderListing *listing, FileFate fate) {
    size_t count = 0;
    for (size_t i = 0; i < listing->count; i++) count += listing->files[i].fate == fate;
    return count;
}

static const char *part_title(int part) {
    static const char *const titles[] = {"Training", "Validation", "Test"};
    return titles[part];
}

static void write_facts(FILE *out, const FolderListing *l) {
    fputs("<dl class=\"facts\">\n", out);
    html_write(out, HTML_FACT("Files that are images", "%zu of %zu", "the others are listed first"), count_of(l, FILE_READ),
               l->count);
    html_write(out, HTML_FACT("Pictures that cannot be read", "%zu", "each with its reason"), count_of(l, FILE_BROKEN));
    html_write(out, HTML_FACT("Size in pixels", "%d × %d", "width × height, %s"), l->width, l->height,
               l->channels == 1 ? "grey" : "RGB");
    fputs("</dl>\n", out);
}

static const char *reason(const FolderFile *file) {
    switch (file->fate) {
    case FILE_HIDDEN:
        return "hidden: its name begins with a dot";
    case FILE_OTHER:
        return "no picture, by its first bytes";
    case FILE_LOOSE:
        return "a picture in no class folder";
    case FILE_BROKEN:
        return file->why;
    case FILE_READ:
        break;
    }
    return "";
}

static void write_others(FILE *out, const FolderListing *l) {
    if (count_of(l, FILE_READ) == l->count) {
        fputs("<p>All files are images of the set.</p>\n", out);
        return;
    }
    table_open(out, (TableStyle){.tall = true}, NULL, "File|Why");
    /* What is wrong stands before what is merely something else. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < l->count; i++) {
            const FolderFile *file = &l->files[i];
            if (file->fate == FILE_READ || (file->fate == FILE_BROKEN) != (pass == 0)) continue;
            table_row(out, NULL, false);
            table_text(out, folder_file_name(l, file));
            table_text(out, reason(file));
            table_row_end(out);
        }
    table_end(out);
}

static cf_status write_classes(FILE *out, const FolderListing *l) {
    AUTO_FREE PartCounts *counts = NULL;
    PartCounts totals;
    FORWARD(folder_count(l, &counts, totals));
    table_begin(out, (TableStyle){.tall = true}, NULL);
    table_head(out, "Class", false);
    for (int p = 0; p < SET_PARTS; p++)
        if (totals[p]) table_head(out, part_title(p), true);
    table_body(out);
    for (int k = 0; k < l->classes; k++) {
        table_row(out, l->names[k], false);
        for (int p = 0; p < SET_PARTS; p++)
            if (totals[p]) table_number(out, (double)counts[k][p], "%zu", counts[k][p]);
        table_row_end(out);
    }
    table_end(out);
    return CF_OK;
}

/* "resized from 4000 × 3000, the middle; turned (EXIF); grey to RGB" */
static void what_was_done(FILE *out, const FolderListing *l, const FolderFile *file) {
    static const char *const fits[] = {"", ", the middle", ", black beside it"};
    const Picture *shape = &file->shape;
    const char *between = "";
    if (shape->width != l->width || shape->height != l->height) {
        const bool other_shape = (int64_t)shape->width * l->height != (int64_t)shape->height * l->width;
        fprintf(out, "resized%s", other_shape ? (l->fit == FIT_SQUASH ? ", sides stretched" : fits[l->fit]) : "");
        between = "; ";
    }
    if (shape->turned) fprintf(out, "%sturned (EXIF)", between), between = "; ";
    if (shape->channels < l->channels) fprintf(out, "%sgrey to RGB", between);
}

static void write_images(FILE *out, const FolderListing *l) {
    table_open(out, (TableStyle){.tall = true}, NULL, "File|Part|Class|Format|Pixels in the file|What was done");
    for (size_t i = 0; i < l->count; i++) {
        const FolderFile *file = &l->files[i];
        if (file->fate != FILE_READ) continue;
        table_row(out, NULL, false);
        table_text(out, folder_file_name(l, file));
        table_text(out, part_title(file->part));
        table_text(out, l->names[file->label]);
        table_text(out, picture_kind_name(file->shape.kind));
        fprintf(out, "<td>%d × %d</td><td>", file->shape.width, file->shape.height);
        what_was_done(out, l, file);
        fputs("</td>", out);
        table_row_end(out);
    }
    table_end(out);
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    static const char *const fits[] = {"", ", cropped to the middle", ", with black beside them"};
    const FilesPage *page = context;
    const FolderListing *l = page->listing;
    if (page_place_is(name, length, "classes")) return write_classes(out, l);
    if (page_place_is(name, length, "title"))
        html_text(out, page->name);
    else if (page_place_is(name, length, "subtitle"))
        html_write(out, "What was done with each file of <em>%s</em>: images of %d × %d pixels%s", l->source, l->width, l->height,
                   fits[l->fit]);
    else if (page_place_is(name, length, "facts"))
        write_facts(out, l);
    else if (page_place_is(name, length, "passed"))
        write_others(out, l);
    else if (page_place_is(name, length, "read"))
        write_images(out, l);
    else
        return page_unknown_place("files.html", name, length);
    return CF_OK;
}

cf_status report_files_write(const char *path, const FolderListing *listing) {
    AUTO_FREE char *name = NULL;
    FORWARD(file_trim(listing->source, &name));
    return page_file(path, "files.html", write_place, &(FilesPage){file_base_name(name), listing});
}
