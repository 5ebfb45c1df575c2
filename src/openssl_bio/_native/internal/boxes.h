/* The memory behind an engine's two BIOs: see boxes.c. */
#ifndef OBIO_BOXES_H
#define OBIO_BOXES_H

#include <openssl/bio.h>

#include "internal/atomics.h"

/* Where the bytes of a box are that leads elsewhere; whoever makes it fills it in.  A sized one knows how much there is. */
typedef struct obio_far obio_far;
struct obio_far {
    int (*read)(obio_far *far, void *buffer, size_t size, size_t *got); /* 1; 0 at the end; -1: nothing now */
    int (*write)(obio_far *far, const void *data, size_t size);         /* 1; 0: not now */
    size_t (*size)(obio_far *far);
    int (*ended)(obio_far *far);
    int (*end)(obio_far *far); /* 1; 0: it cannot be ended */
    int sized;
    size_t known;            /* at least so many bytes are there, unless others read them too */
    unsigned char header[5]; /* of the next record, which was read already */
};

typedef struct {
    int shared;          /* by threads, which take it in turns */
    ATOMIC int is_taken;
    unsigned char *data; /* the bytes from start to end are in the box */
    size_t start, end, room, hint;
    const unsigned char *lent; /* read after data */
    size_t lent_size;
    unsigned char *target; /* written instead of data, as long as there is room */
    size_t target_room, target_used;
    int ended;
    int has_waited; /* the last read found nothing */
    int keeps; /* a small block, when it is empty */
    obio_far *far; /* NULL unless it leads elsewhere */
    unsigned char header[5]; /* of the TLS record that the reader is in */
    size_t have;             /* how much of the header it has read */
    size_t left;             /* how much of the record it has not read */
} obio_box;

BIO *obio_box_new(int shared);
obio_box *obio_box_of(BIO *bio);

size_t obio_box_size(obio_box *box);
int obio_box_put(obio_box *box, const void *data, size_t size);
size_t obio_box_take(obio_box *box, void *buffer, size_t size);

void obio_box_end(obio_box *box);
int obio_box_ended(obio_box *box);
int obio_box_waits(obio_box *box);
void obio_box_keep(obio_box *box, int keeps);

void obio_box_lend(obio_box *box, const void *data, size_t size);
int obio_box_return(obio_box *box);
int obio_box_put_first(obio_box *box, const void *data, size_t size);
void obio_box_aim(obio_box *box, void *target, size_t room);
size_t obio_box_hit(obio_box *box);

BIO *obio_box_lead(obio_box *box, obio_far *far);
void obio_box_leave(BIO *bio);
size_t obio_box_ask(obio_box *box);
size_t obio_box_known(const obio_box *box);
void obio_box_look(obio_box *box);

size_t obio_box_expect(obio_box *box, size_t overhead, int *plain);

#endif
