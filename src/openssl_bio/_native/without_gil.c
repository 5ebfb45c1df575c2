/*
 * A large operation, without the GIL.
 *
 * A BIO of somebody else's needs the GIL once or twice for each record.  To wait for it so
 * often takes longer than what two threads could do at once, so there an operation is large
 * only where others would wait too long.
 *
 * Who wants the GIL while another thread has it is put to sleep, and waking up takes
 * longer than a thread that moves bulk data needs the GIL for: some microseconds
 * between two operations.  So whoever comes back from an operation and knows that
 * another thread has the GIL since it came back itself, looks for about as long
 * whether that has begun its next one, before it asks Python.
 *
 * That other thread may long be elsewhere, waiting or done; then looking is in vain,
 * once, since from then on this thread is the last that came back.  Only time hangs on
 * this: the GIL is Python's, and nobody else's.
 */
#include <Python.h>

#include "internal/engine.h"

enum { LARGE = 8 * 1024, LARGE_FAR = 1024 * 1024 /* bytes, some hundred microseconds' work */ };

int obio_is_large(const engine_object *self, size_t amount)
{
    int far = !self->core.datagrams && (self->core.inbox == NULL || self->core.outbox == NULL);

    return amount >= (far ? LARGE_FAR : LARGE);
}

#ifdef Py_GIL_DISABLED

void obio_call_without_gil(engine_object *self, engine_call *call, void *buffer, size_t size)
{
    Py_BEGIN_ALLOW_THREADS
    call(self, buffer, size);
    Py_END_ALLOW_THREADS
}

#else

enum { LOOKS = 400 }; /* some microseconds: copying 64 KiB in and out takes about as long */

static ATOMIC int came_back; /* somebody did, and has not begun another operation since */

void obio_call_without_gil(engine_object *self, engine_call *call, void *buffer, size_t size)
{
    PyThreadState *thread;

    thread = PyEval_SaveThread();
    came_back = 0; /* not before: somebody looks for this, and would find the GIL taken */
    call(self, buffer, size);
    for (int looks = 0; came_back && looks < LOOKS; looks++)
        RELAX();
    PyEval_RestoreThread(thread);
    came_back = 1;
}

#endif
