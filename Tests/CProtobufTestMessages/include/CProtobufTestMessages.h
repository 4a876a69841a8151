#pragma once
#include "shapes/v1/shape_service.pb-c.h"
#include "shapes/v1/shapes.pb-c.h"
