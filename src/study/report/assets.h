/* The page's own files (page.html, page.css, network.js ..). */
#ifndef STUDY_REPORT_ASSETS_H
#define STUDY_REPORT_ASSETS_H

#include "base/embedded.h"

extern const EmbeddedFile report_assets[];

#endif
