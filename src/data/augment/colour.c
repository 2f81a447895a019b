#include "data/augment/operation.h"

const Operation colour_operations[] = {{0}};
