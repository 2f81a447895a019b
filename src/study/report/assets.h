/* The page's own files (page.html, page.css, network.js ..). */
#pragma once

#include "base/embedded.h"

extern const EmbeddedFile report_assets[];
