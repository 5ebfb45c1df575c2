/*
 * Memory for boxes.
 *
 * A box that carries a lot needs some hundred KiB for a moment, again and
 * again.  malloc() gets such blocks from the system and gives them back each
 * time, and the system clears every page: that takes longer than sealing what
 * goes in.  A box that kept its memory would make every connection that was
 * busy once large for ever.  So the whole process keeps a few blocks, in slots.
 *
 * Blocks hold ciphertext alone, so they are not cleared when they change hands.
 *
 * Python's bytes come and go in the same way, and nobody can keep those.  But glibc
 * keeps more free memory at the end of its heap, the larger the blocks were that it
 * had from the system by themselves and gave back (M_MMAP_THRESHOLD in mallopt(3)):
 * twice as much as the largest.  So before there are large bytes it is given a block
 * that is large enough, once.
 */
#include <stdlib.h>

#include "internal/atomics.h"
#include "internal/buffers.h"

enum { SLOTS = 8, LEAST_KEPT = 16 * 1024, MOST_KEPT = 1280 * 1024, LARGE_BYTES = 64 * 1024, LARGEST = 2048 * 1024 };

static struct {
    unsigned char *buffer;
    size_t room;
} slot[SLOTS];

static ATOMIC int is_taken;

/*
 * Whether the slots are ours until `leave`.  Nobody waits for them: malloc() can
 * do what they do, and in a child that was forked while another thread had them
 * nobody would ever leave.
 */
static int enter(void)
{
    return TAKE(&is_taken);
}

static void leave(void)
{
    SET(&is_taken, 0);
}

/* The smallest kept block of at least this size, or -1. */
static int best_for(size_t size)
{
    int best = -1;

    for (int i = 0; i < SLOTS; i++) {
        if (slot[i].room >= size && (best < 0 || slot[i].room < slot[best].room))
            best = i;
    }
    return best;
}

/* At least `size` bytes, NULL if memory is out. */
unsigned char *obio_buffer_new(size_t size, size_t *room)
{
    unsigned char *buffer = NULL;

    if (size >= LEAST_KEPT && size <= MOST_KEPT && enter()) {
        int best = best_for(size);

        if (best >= 0) {
            buffer = slot[best].buffer;
            *room = slot[best].room;
            slot[best].buffer = NULL;
            slot[best].room = 0;
        }
        leave();
    }
    if (buffer == NULL) {
        buffer = malloc(size);
        *room = buffer == NULL ? 0 : size;
    }
    return buffer;
}

/* Keep the block, or free it, or keep it instead of the smallest one. */
void obio_buffer_free(unsigned char *buffer, size_t room)
{
    if (room >= LEAST_KEPT && room <= MOST_KEPT && enter()) {
        int least = 0;

        for (int i = 1; i < SLOTS; i++) {
            if (slot[i].room < slot[least].room)
                least = i;
        }
        if (slot[least].room < room) {
            unsigned char *other = slot[least].buffer;

            slot[least].buffer = buffer;
            slot[least].room = room;
            buffer = other;
        }
        leave();
    }
    free(buffer);
}

/* Bytes of this size will be made, and given back. */
void obio_buffers_settle(size_t size)
{
    static ATOMIC int is_settled;

    if (size >= LARGE_BYTES && !is_settled && TAKE(&is_settled)) {
        void *volatile block = malloc(LARGEST); /* volatile, or compilers leave both out */

        free(block);
    }
}
