/*
 * Connections that are in use keep the memory that they work in; idle ones have none.
 *
 * libssl has a buffer of 16 KiB for each direction.  With
 * SSL_MODE_RELEASE_BUFFERS it frees them after each record, which is a tenth of
 * the work for a small message; without, an idle connection holds them for ever.
 * So the mode is ours: SLOTS connections are warm, which do without it, in a ring
 * that the whole process shares, and all others have it.  One that was not warm
 * takes the place of the one that has been there longest, and has it give up its
 * buffers.  The boxes of warm connections keep a small block, too.
 *
 * With the mode libssl releases behind data, and where it wants to read; what an
 * alert needed, or a message of a handshake, stays, so such is released here.  Since
 * 3.2 the layer that writes knows the mode that was set when its keys were made,
 * and no other.  There, nobody has the mode, and all that is not warm is released here.
 *
 * To change places costs as much as the mode does for some records.  So nobody
 * takes one before its TURNS-th operation, or sooner after large ones: connections
 * that are used for a message or two, or more of them in turns than there are places,
 * leave the ring nearly as it is.
 *
 * A connection is warmed up when an operation of its own is over, in which libssl
 * has made its buffers, and by the thread that has its guard.  The thread does to
 * another connection only what it may do to an idle one: if that one's guard is
 * taken, it is in use, and stays.  If libssl is in the middle of a record there,
 * the buffers are in use: then it leaves the ring with them, and its operations
 * release them.
 *
 * The ring has one lock, a flag.  Who has it waits for nobody, and only threads
 * that run Python take it: so no fork of Python's finds it taken.  It is held
 * while places change, and not while memory is freed, which the guard is for.
 * Guards go with their connections, so the ring knows as well which connections
 * are being cooled down: one that is closed waits for that.
 */
#include <openssl/ssl.h>

#include "internal/warm.h"

#ifndef OBIO_WARM /* tests have fewer */
#define OBIO_WARM 32
#endif

enum { SLOTS = OBIO_WARM, TURNS = SLOTS, LARGE = 512 };

static obio_engine *slot[SLOTS];
static int hand; /* the slot that was taken longest ago */
static ATOMIC int is_taken;

static void enter(void)
{
    while (!TAKE(&is_taken))
        YIELD();
}

static void leave(void)
{
    SET(&is_taken, 0);
}

static void keep_boxes(const obio_engine *engine, int keeps)
{
    if (engine->inbox != NULL)
        obio_box_keep(engine->inbox, keeps);
    if (engine->outbox != NULL)
        obio_box_keep(engine->outbox, keeps);
}

/*
 * Whether libssl has consumed all that it has read.  SSL_free_buffers() asks as well, but before 3.0.14, 3.1.6, 3.2.2 and
 * 3.3.1 (CVE-2024-4741) it overlooked a record that is not complete, or not read to its end.
 */
static int is_between_records(const SSL *ssl)
{
    return SSL_rstate_string(ssl)[1] == 'H' && !SSL_has_pending(ssl);
}

/* Take a place in the ring.  Returns who was there and is to be cooled down, whose guard is this thread's now, or NULL. */
static obio_engine *take_place(obio_engine *engine)
{
    obio_engine *before = NULL;

    for (int looks = 0; looks < SLOTS && engine->place == 0; looks++) {
        before = slot[hand];
        if (before == NULL || obio_guard_try(before->guard)) {
            slot[hand] = engine;
            engine->place = hand + 1;
        }
        hand = (hand + 1) % SLOTS;
    }
    if (engine->place == 0) /* all of them are in use */
        return NULL;
    if (before != NULL) {
        before->place = 0;
        before->cooling++;
    }
    return before;
}

/* Whether libssl has the mode where the connection is not warm; unless that is the user's own, or of no use. */
static int has_mode(const obio_engine *engine)
{
    return engine->releases != OBIO_AS_TOLD && OpenSSL_version_num() < 0x30200000L;
}

/* Have libssl release buffers as soon as they are empty, if it has the mode for that, or never. */
static void set_release(const obio_engine *engine, int release)
{
    int what = release && has_mode(engine) ? SSL_CTRL_MODE : SSL_CTRL_CLEAR_MODE;

    if (engine->releases != OBIO_AS_TOLD)
        SSL_ctrl(engine->ssl, what, SSL_MODE_RELEASE_BUFFERS, NULL);
}

/* By the thread that has the guard. */
static void free_buffers(const obio_engine *engine)
{
    if (is_between_records(engine->ssl))
        SSL_free_buffers(engine->ssl); /* which frees none that it needs */
}

static void cool_down(obio_engine *engine)
{
    keep_boxes(engine, 0);
    set_release(engine, 1);
    free_buffers(engine);
    engine->turns = 0;
    obio_guard_release(engine->guard);
    enter();
    engine->cooling--;
    leave();
}

/* An operation of this connection, which has a guard and is not warm, is over. */
void obio_warm_up(obio_engine *engine)
{
    obio_engine *before = NULL;

    if (engine->turns < TURNS)
        engine->turns += 1 + (int)(engine->outcome.count / LARGE);
    if (engine->turns >= TURNS) {
        enter();
        before = take_place(engine);
        leave();
    }
    if (engine->place != 0) {
        keep_boxes(engine, 1);
        set_release(engine, 0);
    } else if (!engine->only_data || !has_mode(engine)) {
        free_buffers(engine);
    }
    if (before != NULL)
        cool_down(before);
}

/* Leave the ring, for ever: nobody uses the connection any more. */
void obio_warm_close(obio_engine *engine)
{
    if (engine->guard == NULL)
        return;
    enter();
    while (engine->cooling > 0) {
        leave();
        YIELD();
        enter();
    }
    if (engine->place != 0)
        slot[engine->place - 1] = NULL;
    engine->place = 0;
    leave();
    keep_boxes(engine, 0);
    engine->guard = NULL;
}

/* Do for a new connection what SSL_MODE_RELEASE_BUFFERS would, whether it was set or not. */
void obio_warm_open(obio_engine *engine, obio_guard *guard)
{
    if (engine->datagrams)
        return;
    engine->guard = guard;
    engine->releases = (SSL_get_mode(engine->ssl) & SSL_MODE_RELEASE_BUFFERS) ? OBIO_WISHED : OBIO_NOT_WISHED;
    set_release(engine, 1);
}
