/* Counts what libcrypto has allocated and not freed, for `handshake_leaks`: its functions are handed to
 * CRYPTO_set_mem_functions. */
#include <stdatomic.h>
#include <stdlib.h>

atomic_long live_allocations;

void *counted_malloc(size_t size, const char *file, int line)
{
    void *made = size ? malloc(size) : NULL;

    (void)file, (void)line;
    live_allocations += made != NULL;
    return made;
}

void counted_free(void *allocated, const char *file, int line)
{
    (void)file, (void)line;
    live_allocations -= allocated != NULL;
    free(allocated);
}

void *counted_realloc(void *allocated, size_t size, const char *file, int line)
{
    if (!allocated)
        return counted_malloc(size, file, line);
    if (!size) {
        counted_free(allocated, file, line);
        return NULL;
    }
    return realloc(allocated, size);
}
