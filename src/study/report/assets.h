/* The page's own files (page.html, page.css, network.js ..), put into the library by cmake/embed.cmake. */
#ifndef STUDY_REPORT_ASSETS_H
#define STUDY_REPORT_ASSETS_H

typedef struct ReportAsset {
    const char *name;          /* "page.css"; NULL ends the list */
    const unsigned char *text; /* ends with a zero byte */
} ReportAsset;

extern const ReportAsset report_assets[];

#endif
