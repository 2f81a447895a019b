/* recipes/, as the library carries it. */
#ifndef STUDY_PIPELINE_RECIPE_FILES_H
#define STUDY_PIPELINE_RECIPE_FILES_H

#include "base/embedded.h"

extern const EmbeddedFile recipe_files[];

#endif
