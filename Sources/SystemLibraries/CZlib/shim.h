#pragma once
#define ZLIB_CONST // inputs are pointers to const
#include <zlib.h>
