/* Which connections keep the memory that they work in: see warm.c. */
#ifndef OBIO_WARM_H
#define OBIO_WARM_H

#include "internal/engine_core.h"

typedef struct obio_guard obio_guard;

/* Of guard.c; the ring needs nothing else of a lock. */
int obio_guard_try(obio_guard *guard);
void obio_guard_release(obio_guard *guard);

void obio_warm_open(obio_engine *engine, obio_guard *guard);
void obio_warm_up(obio_engine *engine);
void obio_warm_close(obio_engine *engine);

#endif
