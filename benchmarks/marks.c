/*
 * What tells callgrind where a measurement begins and ends: instructions.py
 * compiles it to a shared library, and calls it under valgrind.  Elsewhere both
 * do nothing.
 */
#include <valgrind/callgrind.h>

void begin(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void end(const char *name)
{
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
