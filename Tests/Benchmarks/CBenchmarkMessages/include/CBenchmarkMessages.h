#pragma once
#include "bench/v1/echo_service.pb-c.h"
