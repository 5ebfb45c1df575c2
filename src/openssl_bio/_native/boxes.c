/*
 * The memory behind an engine's two BIOs.
 *
 * A box is a queue of bytes with a BIO around it.  libssl reads ciphertext out
 * of one box and writes into another; the engine does the opposite.  BIO_s_mem
 * copies once more, and clears memory that is about to be written.  A box can also
 *
 * - lend: for the time of one call libssl reads straight from the caller's
 *   bytes, after what the box holds; what it leaves is copied into the box
 *   when the call returns;
 * - aim: for the time of one call what libssl writes goes straight to where the
 *   caller wants it, until that is full or something is in the box;
 * - lead elsewhere: it holds nothing, and libssl reads and writes the bytes of
 *   somebody else, who may know how many there are.  Then the header of the
 *   next record may be looked at before libssl wants it.
 *
 * A box notices where TLS records begin as they are read, and so can tell how
 * much plaintext the whole records in it hold.  It is an estimate, exact for
 * AEAD ciphers without padding: a caller must be ready for any other number.
 *
 * The memory of an empty box is given back: libc has it at hand.  Only the box of
 * a connection that is in use (warm.c) keeps a small block.  The box belongs
 * to its BIO, so whoever holds a reference to the BIO can use it, in whatever
 * order the connection and its parts are freed.  The box of one connection needs
 * no lock, the guard is one; a box that may be shared has its own, held while
 * bytes are copied, never longer.  It is one flag: a lock of the system costs as
 * much as the copying of a small record.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl3.h>

#include "internal/boxes.h"
#include "internal/buffers.h"

enum { LEAST = 256, LOOKS = 100, MOST_HINT = 1280 * 1024, MOST_KEPT = 2048 };

/* Wait until no other thread has the box: it copies a few bytes, so it is soon over. */
static void wait_for(obio_box *box)
{
    for (int looks = 1; !TAKE(&box->is_taken); looks++) {
        if (looks % LOOKS == 0)
            YIELD();
    }
}

static inline void enter(obio_box *box)
{
    if (box->shared && !TAKE(&box->is_taken))
        wait_for(box);
}

static inline void leave(obio_box *box)
{
    if (box->shared)
        SET(&box->is_taken, 0);
}

static size_t held(const obio_box *box)
{
    return box->end - box->start;
}

/* How many bytes wait to be read. */
size_t obio_box_size(obio_box *box)
{
    size_t size;

    enter(box);
    size = held(box) + box->lent_size;
    leave(box);
    return size;
}

/* No more bytes will come: whoever reads the empty box finds its end. */
void obio_box_end(obio_box *box)
{
    enter(box);
    box->ended = 1;
    leave(box);
}

int obio_box_ended(obio_box *box)
{
    int ended;

    enter(box);
    ended = box->ended;
    leave(box);
    return ended;
}

/* Whether a reader would have to wait: there is nothing, and it has not ended. */
int obio_box_waits(obio_box *box)
{
    int waits;

    enter(box);
    waits = held(box) + box->lent_size == 0 && !box->ended;
    leave(box);
    return waits;
}

/* Make room for `size` bytes more.  Returns 1, or 0 if memory is out. */
static int grow(obio_box *box, size_t size)
{
    size_t wanted, room, used = held(box);
    unsigned char *data;

    if (size > SIZE_MAX / 4 - used)
        return 0;
    if (box->start > 0 && size <= box->room - used && used <= box->room / 2) {
        memmove(box->data, box->data + box->start, used);
        box->start = 0;
        box->end = used;
        return 1;
    }
    wanted = used + size;
    if (used > 0)
        wanted += wanted / 2;
    if (wanted < box->hint)
        wanted = box->hint;
    if (wanted < LEAST)
        wanted = LEAST;
    data = obio_buffer_new(wanted, &room);
    if (data == NULL)
        return 0;
    if (used > 0)
        memcpy(data, box->data + box->start, used);
    obio_buffer_free(box->data, box->room);
    box->data = data;
    box->room = room;
    box->start = 0;
    box->end = used;
    return 1;
}

static inline int put(obio_box *box, const void *data, size_t size)
{
    if (size > box->room - box->end && !grow(box, size))
        return 0;
    if (size > 0)
        memcpy(box->data + box->end, data, size);
    box->end += size;
    return 1;
}

/* Add bytes.  Returns 1, or 0 if memory is out. */
int obio_box_put(obio_box *box, const void *data, size_t size)
{
    int ok;

    enter(box);
    ok = put(box, data, size);
    leave(box);
    return ok;
}

static void give_back(obio_box *box)
{
    obio_buffer_free(box->data, box->room);
    box->data = NULL;
    box->room = 0;
}

static inline void emptied(obio_box *box)
{
    box->hint = box->end < MOST_HINT ? box->end : MOST_HINT;
    box->start = box->end = 0;
    if (!box->keeps || box->room > MOST_KEPT)
        give_back(box);
}

/* Whether the empty box keeps a small block; not while a loan or an aim lasts. */
void obio_box_keep(obio_box *box, int keeps)
{
    enter(box);
    box->keeps = keeps;
    if (!keeps && held(box) == 0)
        give_back(box);
    leave(box);
}

static size_t take_lent(obio_box *box, void *buffer, size_t size)
{
    if (size > box->lent_size)
        size = box->lent_size;
    memcpy(buffer, box->lent, size);
    box->lent += size;
    box->lent_size -= size;
    return size;
}

static inline size_t take(obio_box *box, void *buffer, size_t size)
{
    size_t first = held(box) < size ? held(box) : size;

    if (first > 0) {
        memcpy(buffer, box->data + box->start, first);
        box->start += first;
        if (box->start == box->end)
            emptied(box);
    }
    return box->lent_size == 0 ? first : first + take_lent(box, (char *)buffer + first, size - first);
}

/* Move up to `size` bytes out; returns how many. */
size_t obio_box_take(obio_box *box, void *buffer, size_t size)
{
    size_t taken;

    enter(box);
    taken = take(box, buffer, size);
    leave(box);
    return taken;
}

/* Let `data` be read after what is in the box, until obio_box_return().  Not for a shared box. */
void obio_box_lend(obio_box *box, const void *data, size_t size)
{
    box->lent = data;
    box->lent_size = size;
}

/* End a loan: what was not read is copied into the box.  Returns 1, or 0 if memory is out and those bytes are lost. */
int obio_box_return(obio_box *box)
{
    int ok = put(box, box->lent, box->lent_size);

    obio_box_lend(box, NULL, 0);
    return ok;
}

static int put_first(obio_box *box, const void *data, size_t size)
{
    if (size == 0)
        return 1;
    if (size > box->room - box->end && !grow(box, size))
        return 0;
    memmove(box->data + box->start + size, box->data + box->start, held(box));
    memcpy(box->data + box->start, data, size);
    box->end += size;
    return 1;
}

/* Put bytes before those in the box.  Returns 1, or 0 if memory is out. */
int obio_box_put_first(obio_box *box, const void *data, size_t size)
{
    int ok;

    enter(box);
    ok = put_first(box, data, size);
    leave(box);
    return ok;
}

/* Let what is written go to `target`, after what is in the box now, until obio_box_hit().  Not for a shared box. */
void obio_box_aim(obio_box *box, void *target, size_t room)
{
    box->target_used = take(box, target, room);
    box->target = target;
    box->target_room = room;
}

/* End that, and tell how many bytes there are in the target; what did not fit is in the box. */
size_t obio_box_hit(obio_box *box)
{
    box->target = NULL;
    return box->target_used;
}

/* -- where records begin ------------------------------------------------------------------------------------------ */

static size_t record_size(const unsigned char *header)
{
    return (size_t)header[3] << 8 | header[4];
}

static void follow_parts(obio_box *box, const unsigned char *data, size_t size)
{
    while (size > 0) {
        size_t wanted = box->left > 0 ? box->left : sizeof box->header - box->have;
        size_t part = wanted < size ? wanted : size;

        if (box->left > 0) {
            box->left -= part;
        } else {
            memcpy(box->header + box->have, data, part);
            box->have += part;
            if (box->have == sizeof box->header) {
                box->left = record_size(box->header);
                box->have = 0;
            }
        }
        data += part;
        size -= part;
    }
}

/* libssl mostly reads a whole header, or the whole rest of a record. */
static inline void follow(obio_box *box, const unsigned char *data, size_t size)
{
    if (size == box->left) {
        box->left = 0;
    } else if (box->left == 0 && box->have == 0 && size == sizeof box->header) {
        memcpy(box->header, data, sizeof box->header);
        box->left = record_size(box->header);
    } else {
        follow_parts(box, data, size);
    }
}

/* -- boxes that lead elsewhere ------------------------------------------------------------------------------------ */

/* How many bytes wait to be read there, as far as that is known. */
size_t obio_box_ask(obio_box *box)
{
    if (box->far == NULL)
        return 0;
    box->far->known = box->far->size(box->far);
    return obio_box_known(box);
}

/* The same without asking again. */
size_t obio_box_known(const obio_box *box)
{
    return box->lent_size + (box->far == NULL ? 0 : box->far->known);
}

static int read_far(obio_far *far, void *buffer, size_t size, size_t *got)
{
    int status = far->read(far, buffer, size, got);

    far->known = *got < size || *got > far->known ? 0 : far->known - *got;
    return status;
}

/* Read the header of the next record, if that is next and there. */
void obio_box_look(obio_box *box)
{
    obio_far *far = box->far;
    size_t got;

    if (far == NULL || box->lent_size > 0 || box->left > 0 || box->have > 0 || far->known < sizeof far->header)
        return;
    if (read_far(far, far->header, sizeof far->header, &got) == 1)
        obio_box_lend(box, far->header, got);
}

static size_t plaintext_of(const unsigned char *header, size_t overhead)
{
    size_t size = record_size(header);

    return header[0] == SSL3_RT_APPLICATION_DATA && size > overhead ? size - overhead : 0;
}

/* The whole records from here on.  Where libssl has read the beginning of a header, it is put together in `begun`. */
static inline size_t expect(const obio_box *box, size_t overhead, int *plain)
{
    const unsigned char *at = box->lent, *header;
    size_t size = box->lent_size, missing = sizeof box->header - box->have, total = 0;
    unsigned char begun[sizeof box->header];

    if (held(box) > 0) {
        if (size > 0)
            return 0;
        at = box->data + box->start;
        size = held(box);
    }
    *plain = 1;
    if (box->left > 0) {
        if (box->left > size)
            return 0;
        total = plaintext_of(box->header, overhead);
        *plain = total > 0;
        at += box->left;
        size -= box->left;
    }
    header = at;
    if (box->have > 0 && size >= missing) {
        memcpy(begun, box->header, box->have);
        memcpy(begun + box->have, at, missing);
        header = begun;
    }
    for (; size >= missing && size - missing >= record_size(header); missing = sizeof begun, header = at) {
        size_t each = plaintext_of(header, overhead), whole = missing + record_size(header);

        *plain = *plain && each > 0;
        total += each;
        at += whole;
        size -= whole;
    }
    return total;
}

/* The records that are not looked at are taken to be as large as the one that is. */
static size_t expect_far(const obio_box *box, size_t overhead)
{
    size_t size, known = box->far->known;

    if (box->left > 0)
        return box->left <= known ? plaintext_of(box->header, overhead) : 0;
    if (box->lent_size < sizeof box->far->header)
        return 0;
    size = sizeof box->far->header + record_size(box->lent);
    return (box->lent_size + known) / size * plaintext_of(box->lent, overhead);
}

/*
 * How much plaintext is in the whole records of the box, if each has this overhead beside its header; 0 if unknown.
 * Whoever gets just so much where they are `plain` knows that libssl found nothing else in them.
 */
size_t obio_box_expect(obio_box *box, size_t overhead, int *plain)
{
    size_t size;

    *plain = 0;
    enter(box);
    size = box->far == NULL ? expect(box, overhead, plain) : expect_far(box, overhead);
    leave(box);
    return size;
}

/* -- the BIO ------------------------------------------------------------------------------------------------------ */

/* The flags of a box that leads elsewhere are its one connection's. */
static int write_far(BIO *bio, obio_far *far, const char *data, size_t size)
{
    BIO_clear_retry_flags(bio);
    if (far->write(far, data, size))
        return 1;
    BIO_set_retry_write(bio);
    return -1;
}

/*
 * The retry flags are the reader's, who may be in another thread: to clear them here would make his wait an end.  So a
 * failure is queued as an error, or libssl would take them for a wish to read.
 */
static int box_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    obio_box *box = BIO_get_data(bio);

    *written = size;
    if (box->far != NULL)
        return write_far(bio, box->far, data, size);
    if (box->target == NULL || held(box) > 0 || size > box->target_room - box->target_used) {
        if (obio_box_put(box, data, size))
            return 1;
        ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
        return -1; /* to libssl since 3.2, 0 is the success of writing nothing */
    }
    memcpy(box->target + box->target_used, data, size);
    box->target_used += size;
    return 1;
}

static int box_read(BIO *bio, char *buffer, size_t size, size_t *got)
{
    obio_box *box = BIO_get_data(bio);
    int ended;

    enter(box);
    if (box->has_waited || box->far != NULL) /* or there are no flags to clear */
        BIO_clear_retry_flags(bio);
    *got = take(box, buffer, size);
    box->has_waited = *got == 0;
    ended = box->ended;
    if (*got == 0 && box->far != NULL)
        ended = read_far(box->far, buffer, size, got) == 0;
    follow(box, (const unsigned char *)buffer, *got);
    leave(box);
    if (*got > 0)
        return 1;
    if (ended || size == 0)
        return 0;
    BIO_set_retry_read(bio);
    return -1;
}

static int at_end(obio_box *box)
{
    if (obio_box_size(box) > 0)
        return 0;
    return box->far == NULL ? obio_box_ended(box) : box->far->ended(box->far);
}

static size_t waiting(obio_box *box)
{
    return box->far == NULL ? obio_box_size(box) : obio_box_ask(box);
}

static int end(obio_box *box)
{
    if (box->far != NULL)
        return box->far->end(box->far);
    obio_box_end(box);
    return 1;
}

static long answer(obio_box *box, int command)
{
    switch (box == NULL ? 0 : command) { /* it is gone: see obio_box_leave() */
    case BIO_CTRL_PENDING:
        return (long)waiting(box);
    case BIO_CTRL_EOF:
        return at_end(box);
    case BIO_C_SET_BUF_MEM_EOF_RETURN:
        return end(box);
    default:
        return 0;
    }
}

/* libssl asks six times a record whether the kernel does the work. */
static long box_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_GET_KTLS_SEND || command == BIO_CTRL_GET_KTLS_RECV)
        return 0;
    if (command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP)
        return 1;
    return answer(BIO_get_data(bio), command);
}

static int box_destroy(BIO *bio)
{
    obio_box *box = BIO_get_data(bio);

    if (box != NULL)
        obio_buffer_free(box->data, box->room);
    free(box);
    return 1;
}

static BIO_METHOD *ATOMIC method; /* set last */
static int method_type;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

static void make_method(void)
{
    BIO_METHOD *made;

    method_type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
    made = BIO_meth_new(method_type, "box of bytes");
    if (made != NULL && BIO_meth_set_write_ex(made, box_write) && BIO_meth_set_read_ex(made, box_read)
        && BIO_meth_set_ctrl(made, box_ctrl) && BIO_meth_set_destroy(made, box_destroy))
        method = made;
    else
        BIO_meth_free(made);
}

/* A BIO of a box, which it takes over; NULL with the error queued. */
static BIO *bio_of(obio_box *box)
{
    BIO *bio = CRYPTO_THREAD_run_once(&method_once, make_method) && method != NULL ? BIO_new(method) : NULL;

    if (bio != NULL)
        BIO_set_data(bio, box);
    return bio;
}

/* A BIO with an empty box, which may be shared by threads or may not; NULL if memory is out, maybe with an error queued. */
BIO *obio_box_new(int shared)
{
    obio_box *box = calloc(1, sizeof *box);
    BIO *bio = box == NULL ? NULL : bio_of(box);

    if (bio == NULL)
        free(box);
    else
        box->shared = shared;
    return bio;
}

/* A BIO with a box of the caller's, leading to `far`: both must live until obio_box_leave().  NULL with the error queued. */
BIO *obio_box_lead(obio_box *box, obio_far *far)
{
    *box = (obio_box){.far = far};
    return bio_of(box);
}

/* Let go of such a BIO, whose box goes: it may live longer, and can be neither read nor written then. */
void obio_box_leave(BIO *bio)
{
    BIO_set_init(bio, 0);
    BIO_set_data(bio, NULL);
    BIO_free(bio);
}

/* The box of a BIO, NULL if it is another kind of BIO. */
obio_box *obio_box_of(BIO *bio)
{
    return method != NULL && BIO_method_type(bio) == method_type ? BIO_get_data(bio) : NULL;
}
