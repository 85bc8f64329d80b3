/* SPDX-License-Identifier: MIT
 *
 * A function for each piece, in several threads, the results in order.
 *
 * How it works  The caller's thread makes pieces and puts them into a ring; the others take them
 *               from it and put back what came out; the caller's thread gives that on from the
 *               ring's head. So what waits on the disk is bounded by the ring.
 * Invariant     the lock is held while a place changes its state, never while a job runs, a piece
 *               is made or a result is given on. A place belongs to whom its state says: MADE to
 *               anybody with the lock, TAKEN to one thread, all others to the caller's.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/base.h"
#include "chunk_own.h"

enum { MOST_JOBS = 64, PLACES = 2 * MOST_JOBS };

enum place_state { EMPTY, MADE, TAKEN, DONE };

struct place {
    enum place_state state;
    mayfly_chunk chunk;
    char *path;
    void *result;
    uint32_t attempts;
    int code; /* below 0: it failed */
    mayfly_error error;
};

struct crew {
    const mayfly_chunk_work *work;
    mayfly_chunks *chunks;
    pthread_mutex_t lock;
    pthread_cond_t made, done;
    bool stop;                  /* no job is begun any more */
    size_t first, count, limit; /* the ring, in the order of the pieces */
    struct place ring[PLACES];
    pthread_t threads[MOST_JOBS];
    size_t thread_count;
    mayfly_chunk_result result;
};

/* ---- in the threads -------------------------------------------------------------------------- */

static struct place *place_at(struct crew *crew, size_t index) {
    return &crew->ring[(crew->first + index) % PLACES];
}

/* The first piece that waits, NULL: the work has ended. With the lock. */
static struct place *take(struct crew *crew) {
    while (!crew->stop) {
        for (size_t i = 0; i < crew->count; i++) {
            struct place *place = place_at(crew, i);
            if (place->state == MADE) {
                place->state = TAKEN;
                return place;
            }
        }
        (void)pthread_cond_wait(&crew->made, &crew->lock);
    }
    return NULL;
}

static void do_job(const struct crew *crew, struct place *place) {
    const mayfly_chunk_work *work = crew->work;
    do {
        place->result = NULL;
        place->error.code = 0;
        place->attempts++;
        place->code = work->job(&place->chunk, work->user, &place->result, &place->error);
    } while (place->code < 0 && place->attempts <= work->retries);
    if (place->code < 0 && place->error.code == 0)
        (void)mfi_fail(&place->error, place->code, "job", place->path, NULL);
}

static void *run_thread(void *context) {
    struct crew *crew = context;
    struct place *place;
    (void)pthread_mutex_lock(&crew->lock);
    while ((place = take(crew)) != NULL) {
        (void)pthread_mutex_unlock(&crew->lock);
        do_job(crew, place);
        (void)pthread_mutex_lock(&crew->lock);
        place->state = DONE;
        (void)pthread_cond_signal(&crew->done);
    }
    (void)pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* ---- in the caller's ------------------------------------------------------------------------- */

/* Makes a piece. 1, 0: there are no more, or a failure. */
static int make(struct crew *crew, mayfly_error *error) {
    mayfly_chunk chunk;
    const int r = mayfly_chunks_next(crew->chunks, &chunk, error);
    if (r <= 0)
        return r;
    char *path = mfi_strdup(chunk.path);
    if (path == NULL)
        return mfi_fail_memory(error, strlen(chunk.path));
    (void)pthread_mutex_lock(&crew->lock);
    struct place *place = place_at(crew, crew->count++);
    *place = (struct place){.state = MADE, .chunk = chunk, .path = path};
    place->chunk.path = path;
    (void)pthread_cond_signal(&crew->made);
    (void)pthread_mutex_unlock(&crew->lock);
    crew->result.chunks++;
    crew->result.rows += chunk.rows;
    return 1;
}

/* Gives on what came out of the piece. */
static int give_on(struct crew *crew, struct place *place, mayfly_error *error) {
    const mayfly_chunk_work *work = crew->work;
    int r = 0;
    crew->result.retried += place->attempts - 1;
    if (place->code < 0) {
        crew->result.failed++;
        if (work->failed != NULL)
            work->failed(&(mayfly_chunk_failure){&place->chunk, place->attempts, &place->error},
                         work->user);
        if (!work->keep_going) {
            if (error != NULL)
                *error = place->error;
            r = place->error.code;
        }
    } else if (work->done != NULL) {
        mayfly_error why = {.code = 0};
        r = work->done(&place->chunk, place->result, work->user, &why);
        if (r < 0 && why.code == 0)
            (void)mfi_fail(&why, r, "done", place->path, NULL);
        if (r < 0 && error != NULL)
            *error = why;
    }
    if (work->keep_pieces)
        return r < 0 ? r : 0;
    return mfi_first(r,
                     mayfly_chunks_remove(crew->chunks, place->chunk.number, r < 0 ? NULL : error));
}

static struct place *head_if_done(struct crew *crew, bool wait) {
    struct place *place = NULL;
    (void)pthread_mutex_lock(&crew->lock);
    while (crew->count > 0 && place_at(crew, 0)->state != DONE && wait)
        (void)pthread_cond_wait(&crew->done, &crew->lock);
    if (crew->count > 0 && place_at(crew, 0)->state == DONE)
        place = place_at(crew, 0);
    (void)pthread_mutex_unlock(&crew->lock);
    return place;
}

static void let_go(struct crew *crew) {
    (void)pthread_mutex_lock(&crew->lock);
    struct place *place = place_at(crew, 0);
    free(place->path);
    place->state = EMPTY;
    crew->first = (crew->first + 1) % PLACES;
    crew->count--;
    (void)pthread_mutex_unlock(&crew->lock);
}

static int run_all(struct crew *crew, mayfly_error *error) {
    bool more = true;
    for (;;) {
        int r = 0;
        if (more && crew->count < crew->limit) {
            r = make(crew, error);
            more = r > 0;
        }
        while (r >= 0) {
            struct place *place = head_if_done(crew, !more || crew->count == crew->limit);
            if (place == NULL)
                break;
            r = give_on(crew, place, error);
            let_go(crew);
        }
        if (r < 0)
            return r;
        if (!more && crew->count == 0)
            return 0;
    }
}

static int start_threads(struct crew *crew, size_t count, mayfly_error *error) {
    int r = 0;
    while (crew->thread_count < count && r == 0) {
        r = mfi_sys.thread(&crew->threads[crew->thread_count], run_thread, crew);
        crew->thread_count += r == 0;
    }
    /* Fewer do the same work. */
    return crew->thread_count > 0 ? 0 : mfi_fail_call(error, r, "pthread_create", NULL, -1);
}

static void end_threads(struct crew *crew) {
    (void)pthread_mutex_lock(&crew->lock);
    crew->stop = true;
    (void)pthread_cond_broadcast(&crew->made);
    (void)pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->thread_count; i++)
        mfi_join(crew->threads[i]);
    while (crew->count > 0) {
        if (!crew->work->keep_pieces)
            (void)mayfly_chunks_remove(crew->chunks, place_at(crew, 0)->chunk.number, NULL);
        let_go(crew);
    }
}

static size_t jobs_of(const mayfly_chunk_work *work) {
    long jobs = work->jobs > 0 ? (long)work->jobs : sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs < 1 ? 1 : jobs;
    return jobs > MOST_JOBS ? MOST_JOBS : (size_t)jobs;
}

int mayfly_chunks_run_sized(size_t work_size, mayfly_chunks *chunks, const mayfly_chunk_work *work,
                            mayfly_chunk_result *ret, mayfly_error *error) {
    mayfly_chunk_work known;
    int r = mfi_options_import(&known, sizeof known, work, work_size, "chunks", error);
    if (r < 0)
        return r;
    if (known.job == NULL)
        return mfi_fail(error, -EINVAL, "chunks", NULL, "there is no job to run");
    mfi_auto_free struct crew *crew = mfi_sys.calloc(1, sizeof *crew);
    if (crew == NULL)
        return mfi_fail_memory(error, sizeof *crew);
    crew->work = &known;
    crew->chunks = chunks;
    crew->limit = 2 * jobs_of(&known);
    (void)pthread_mutex_init(&crew->lock, NULL);
    (void)pthread_cond_init(&crew->made, NULL);
    (void)pthread_cond_init(&crew->done, NULL);
    const bool drop = mfi_chunks_set_drop(chunks, false); /* pieces that wait must not go */
    r = start_threads(crew, jobs_of(&known), error);
    if (r == 0)
        r = run_all(crew, error);
    end_threads(crew);
    (void)mfi_chunks_set_drop(chunks, drop);
    (void)pthread_cond_destroy(&crew->done);
    (void)pthread_cond_destroy(&crew->made);
    (void)pthread_mutex_destroy(&crew->lock);
    if (ret != NULL)
        *ret = crew->result;
    return r;
}
