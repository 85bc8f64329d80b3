/* SPDX-License-Identifier: MIT
 *
 * Several threads that empty one tree.
 *
 * A node is a directory that was read and has subdirectories whose names are pending. Whoever is
 * free takes a name from the newest node and empties that directory by a walk of its own that
 * stands in the node; if the directory has subdirectories in turn, it becomes a node. Whoever is
 * done with the last name of a node removes the node's directory, in the node above. A large
 * directory is read by one thread, which gives filled buffers (batches) to others: what follows the
 * unlinking of a name, freeing the inode, is done by the kernel without the directory's lock.
 *
 * Invariants      everything here is guarded by the lock of the crew, but for what a thread has in
 *                 hand: a walk, a batch, and a node that has neither names nor anybody at work.
 *                 A node's descriptor stays open while somebody is at work below it. At the most
 *                 MFI_OPEN_NODES are open, and what each thread's walk has; where there are as
 *                 many, a thread empties what it took alone.
 *                 Who waits for batches takes back those that nobody has begun, and who has begun
 *                 one waits for nothing: so all waiting ends.
 *                 A thread is started when there is something to give away and nobody free. That
 *                 it cannot be started is no error.
 * Not handled     a tree whose branching begins below MFI_OPEN_NODES directories that have but one
 *                 subdirectory each: one thread empties it.
 *                 A file that became a directory while it lay in a batch: it is found because its
 *                 directory is not empty, and read again.
 * Why this way    a queue with an entry for each directory takes memory and calls for all of them;
 *                 here the names stay in the buffer that they were read into, and a thread alone
 *                 goes the same way as without a crew.
 */
#define _GNU_SOURCE
#include "crew.h"

#include <pthread.h>
#include <stdlib.h>

#include "empty.h"

/* It lies between its parent and those at work below it; its own name is in its names. */
struct node {
    struct node *parent;     /* NULL: the root */
    struct mfi_frame frame;  /* as it was when it was read */
    struct mfi_buffer names; /* its own at frame.name, those of subdirectories from frame.pending */
    struct mfi_buffer path;
    size_t at_work; /* in how many of its subdirectories */
    int left;       /* something in it could not be removed */
};

/* Entries of one directory that its reader gave away. */
struct batch {
    struct batch *next;
    struct mfi_walk *owner;
    struct mfi_frame frame; /* the owner's, who waits for us before closing it */
    char *entries;
    size_t size;
    char *buffer; /* to be freed with it, or NULL: the entries stay the owner's */
    char path[];
};

struct mfi_crew {
    pthread_mutex_t lock;
    pthread_cond_t work; /* for those that have none */
    pthread_cond_t back; /* for those that wait for their batches */
    struct mfi_walk *chief;
    _Atomic int code; /* why the work was ended */
    int over;         /* nothing is left to be done */
    int complete;     /* no more threads are started */
    unsigned jobs;
    unsigned threads; /* besides the calling one */
    unsigned idle;
    pthread_t thread[MFI_JOBS - 1];
    struct batch *batches;
    unsigned batch_count;
    struct node *open[MFI_OPEN_NODES]; /* the newest last */
    size_t open_count;
};

/* ---- all together ---------------------------------------------------------------------------- */

static void lock(struct mfi_crew *crew) {
    (void)pthread_mutex_lock(&crew->lock);
}

static void unlock(struct mfi_crew *crew) {
    (void)pthread_mutex_unlock(&crew->lock);
}

/* Under the lock. The first one counts. */
static void end_work(struct mfi_crew *crew, int code) {
    if (code >= 0 || atomic_load(&crew->code) != 0)
        return;
    atomic_store(&crew->code, code);
    (void)pthread_cond_broadcast(&crew->work);
    (void)pthread_cond_broadcast(&crew->back);
}

int mfi_crew_code(const struct mfi_walk *walk) {
    return walk->crew == NULL ? 0 : atomic_load_explicit(&walk->crew->code, memory_order_relaxed);
}

/* Under the lock. */
static void add_up(struct mfi_walk *books, struct mfi_walk *walk) {
    books->progress.removed_files += walk->files;
    books->progress.removed_directories += walk->directories;
    walk->files = walk->directories = 0;
}

struct mfi_walk *mfi_crew_open_books(struct mfi_walk *walk) {
    struct mfi_walk *books = walk;
    if (walk->crew != NULL) {
        lock(walk->crew);
        books = walk->crew->chief;
    }
    add_up(books, walk);
    return books;
}

void mfi_crew_close_books(struct mfi_walk *walk, int code) {
    if (walk->crew == NULL)
        return;
    end_work(walk->crew, code);
    unlock(walk->crew);
}

static void *be_at_work(void *context);

/* Under the lock: there is something to be given away. One more thread is started for it, if nobody
 * is free. 1: there are others. */
static int call_help(struct mfi_crew *crew) {
    if (crew->idle == 0 && !crew->complete && crew->threads + 1 < crew->jobs) {
        if (mfi_sys.thread(&crew->thread[crew->threads], be_at_work, crew) < 0)
            crew->complete = 1;
        else
            crew->threads++;
    }
    return crew->threads > 0;
}

/* ---- batches --------------------------------------------------------------------------------- */

static void free_batch(struct batch *batch) {
    free(batch->buffer);
    free(batch);
}

/* Under the lock: one that nobody has begun, of that owner (NULL: any). */
static struct batch *take_batch(struct mfi_crew *crew, const struct mfi_walk *owner) {
    struct batch **at = &crew->batches;
    while (*at != NULL && owner != NULL && (*at)->owner != owner)
        at = &(*at)->next;
    struct batch *batch = *at;
    if (batch == NULL)
        return NULL;
    *at = batch->next;
    crew->batch_count--;
    return batch;
}

/* The names of directories are the reader's affair. 0: there may be directories among them that
 * the kernel does not tell. */
static int push_directories(struct mfi_walk *walk, const char *entries, size_t size) {
    const char *const end = entries + size;
    const struct mfi_dirent *entry;
    for (const char *at = entries; at < end; at += entry->length) {
        entry = (const struct mfi_dirent *)(const void *)at;
        if (entry->type == DT_UNKNOWN)
            return 0;
    }
    for (const char *at = entries; at < end; at += entry->length) {
        entry = (const struct mfi_dirent *)(const void *)at;
        if (entry->type == DT_DIR && !mfi_is_dot(entry->name) &&
            mfi_walk_push_name(walk, entry->name) < 0)
            return -ENOMEM;
    }
    return 1;
}

/* NULL: no memory. */
static struct batch *new_batch(struct mfi_walk *walk, char *entries, size_t size) {
    const size_t length = walk->path.size;
    struct batch *batch = mfi_sys.malloc(sizeof *batch + length + 1);
    if (batch == NULL)
        return NULL;
    *batch = (struct batch){
        .owner = walk, .frame = *mfi_walk_top(walk), .entries = entries, .size = size};
    if (length > 0)
        memcpy(batch->path, walk->path.data, length);
    batch->path[length] = '\0';
    if (entries != walk->entries)
        return batch;
    char *next = mfi_sys.malloc(MFI_ENTRIES);
    if (next == NULL) {
        free(batch);
        return NULL;
    }
    batch->buffer = walk->entries;
    walk->entries = next;
    return batch;
}

int mfi_crew_share(struct mfi_walk *walk, char *entries, size_t size) {
    struct mfi_crew *crew = walk->crew;
    if (crew == NULL || size < MFI_SHARED)
        return 0;
    lock(crew);
    const int wanted = call_help(crew) && crew->batch_count < crew->threads;
    unlock(crew);
    const size_t names = walk->names.size;
    const int r = wanted ? push_directories(walk, entries, size) : 0;
    struct batch *batch = r > 0 ? new_batch(walk, entries, size) : NULL;
    if (batch == NULL) {
        walk->names.size = names; /* they are pushed again by whoever removes the entries */
        return r < 0 ? r : 0;
    }
    lock(crew);
    batch->next = crew->batches;
    crew->batches = batch;
    crew->batch_count++;
    walk->shared++;
    (void)pthread_cond_signal(&crew->work);
    unlock(crew);
    return 1;
}

/* Without those that are directories: their names are in the hand of the owner already. */
static int remove_batch(struct mfi_walk *walk, const struct batch *batch) {
    const size_t names = walk->names.size;
    const int r = mfi_empty_entries(walk, batch->entries, batch->size);
    walk->names.size = names;
    return r;
}

/* Under the lock, which is given and taken again. */
static void help(struct mfi_crew *crew, struct mfi_walk *walk, struct batch *batch) {
    unlock(crew);
    int r = mfi_walk_stand(walk, &batch->frame, batch->path);
    const int stands = r == 0;
    if (stands)
        r = remove_batch(walk, batch);
    lock(crew);
    struct mfi_walk *owner = batch->owner;
    add_up(crew->chief, walk);
    owner->shared_left |= stands && mfi_walk_top(walk)->left;
    if (--owner->shared == 0)
        (void)pthread_cond_broadcast(&crew->back);
    end_work(crew, r);
    free_batch(batch);
}

/* Under the lock, as above. */
static void take_back(struct mfi_crew *crew, struct mfi_walk *walk, struct batch *batch) {
    unlock(crew);
    const int r = remove_batch(walk, batch);
    free_batch(batch);
    lock(crew);
    walk->shared--;
    end_work(crew, r);
}

int mfi_crew_gather(struct mfi_walk *walk) {
    struct mfi_crew *crew = walk->crew;
    if (crew == NULL)
        return 0;
    lock(crew);
    while (walk->shared > 0) {
        struct batch *batch = take_batch(crew, walk);
        if (batch != NULL)
            take_back(crew, walk, batch);
        else
            (void)pthread_cond_wait(&crew->back, &crew->lock);
    }
    mfi_walk_top(walk)->left |= walk->shared_left;
    walk->shared_left = 0;
    unlock(crew);
    return mfi_crew_code(walk);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int has_names(const struct node *node) {
    return node->names.size > node->frame.pending;
}

static const char *path_of(const struct node *node) {
    return node->path.size > 0 ? node->path.data : "";
}

static void free_node(struct node *node) {
    mfi_close_fd(&node->frame.fd);
    mfi_buffer_free(&node->names);
    mfi_buffer_free(&node->path);
    free(node);
}

/* Under the lock. It takes names and path of the walk. */
static struct node *open_node(struct mfi_crew *crew, struct mfi_walk *walk, struct node *parent,
                              const struct mfi_frame *frame) {
    struct node *node = mfi_sys.calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    *node = (struct node){parent, *frame, walk->names, walk->path, 0, frame->left};
    walk->names = walk->path = (struct mfi_buffer){0};
    crew->open[crew->open_count++] = node;
    return node;
}

/* Under the lock. */
static void close_node(struct mfi_crew *crew, const struct node *node) {
    size_t i = 0;
    while (crew->open[i] != node)
        i++;
    crew->open_count--;
    memmove(&crew->open[i], &crew->open[i + 1], (crew->open_count - i) * sizeof *crew->open);
}

/* Under the lock: the newest that has names. */
static struct node *find_node(const struct mfi_crew *crew) {
    for (size_t i = crew->open_count; i > 0; i--)
        if (has_names(crew->open[i - 1]))
            return crew->open[i - 1];
    return NULL;
}

/* Where the last name of a node begins (walk.c says how). */
static size_t last_name(const struct node *node) {
    size_t at = 0;
    memcpy(&at, node->names.data + node->names.size - sizeof at, sizeof at);
    return at;
}

/* Under the lock: the walk stands in the node and has its last name in hand. 0 or -ENOMEM */
static int take_name(struct node *node, struct mfi_walk *walk) {
    const size_t at = last_name(node);
    if (mfi_walk_stand(walk, &node->frame, path_of(node)) < 0 ||
        mfi_walk_push_name(walk, node->names.data + at) < 0)
        return -ENOMEM;
    node->names.size = at;
    node->at_work++;
    return 0;
}

/* The directory that the walk entered in the node becomes a node, if there is room and somebody to
 * profit. 1: it has. */
static int hand_over(struct mfi_crew *crew, struct mfi_walk *walk, struct node *parent) {
    const struct mfi_frame *frame = mfi_walk_top(walk);
    lock(crew);
    const struct node *node = NULL;
    if (crew->open_count < MFI_OPEN_NODES && (!crew->complete || crew->threads > 0))
        node = open_node(crew, walk, parent, frame);
    if (node != NULL) {
        walk->depth = 1; /* the frame is the node's now */
        (void)pthread_cond_broadcast(&crew->work);
    }
    unlock(crew);
    return node != NULL;
}

/* The walk stands in the node again and is done with a name of it. Returns the node if that was
 * the last: it is this thread's now. */
static struct node *give_back(struct mfi_crew *crew, struct mfi_walk *walk, struct node *node) {
    lock(crew);
    add_up(crew->chief, walk);
    node->left |= mfi_walk_top(walk)->left;
    node->at_work--;
    const int done = node->at_work == 0 && !has_names(node);
    if (done && node->parent == NULL) {
        crew->over = 1;
        (void)pthread_cond_broadcast(&crew->work);
    } else if (done) {
        close_node(crew, node);
    }
    unlock(crew);
    return done && node->parent != NULL ? node : NULL;
}

/* Removes the directory of a node, which is empty or holds what is left. */
static int remove_node(struct mfi_walk *walk, struct node *node) {
    struct mfi_frame frame = node->frame;
    frame.left = node->left;
    int r = mfi_walk_stand(walk, &node->parent->frame, path_of(node->parent));
    if (r == 0)
        r = mfi_walk_push_name(walk, node->names.data + node->frame.name) < 0 ? -ENOMEM : 0;
    free_node(node);
    if (r < 0)
        return r;
    walk->frames[0].left = frame.left;
    frame.name = 0;
    return mfi_empty_remove_left(walk, &frame);
}

/* Empties and removes what the walk has in hand, and each node above of which that was the last.
 * 0; less: the work of all is to be ended. */
static int empty_taken(struct mfi_crew *crew, struct mfi_walk *walk, struct node *node) {
    int r = mfi_empty_visit(walk, 0, 0);
    while (r == 0) {
        if (walk->depth == 2 && mfi_walk_last_name(walk) >= 0 && hand_over(crew, walk, node))
            return 0;
        r = mfi_empty_step(walk);
        if (r != 1)
            continue;
        struct node *const done = give_back(crew, walk, node);
        if (done == NULL)
            return 0;
        node = done->parent;
        r = remove_node(walk, done);
    }
    return r;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Under the lock, which is given and taken again. */
static void take_work(struct mfi_crew *crew, struct mfi_walk *walk) {
    struct batch *batch = take_batch(crew, NULL);
    struct node *node = batch == NULL ? find_node(crew) : NULL;
    if (batch != NULL) {
        help(crew, walk, batch);
    } else if (node == NULL) {
        crew->idle++;
        (void)pthread_cond_wait(&crew->work, &crew->lock);
        crew->idle--;
    } else {
        int r = take_name(node, walk);
        if (find_node(crew) != NULL)
            (void)call_help(crew);
        unlock(crew);
        if (r == 0)
            r = empty_taken(crew, walk, node);
        lock(crew);
        end_work(crew, r);
    }
}

static void work(struct mfi_crew *crew, char *entries) {
    struct mfi_walk walk = {
        .options = crew->chief->options,
        .euid = crew->chief->euid,
        .entries = entries,
        .crew = crew,
        .borrowed = 1,
    };
    lock(crew);
    while (!crew->over && atomic_load(&crew->code) == 0)
        take_work(crew, &walk);
    add_up(crew->chief, &walk);
    unlock(crew);
    mfi_walk_end(&walk);
}

static void *be_at_work(void *context) {
    char *entries = mfi_sys.malloc(MFI_ENTRIES);
    if (entries != NULL) /* else the others do it */
        work(context, entries);
    return NULL;
}

/* The subdirectories of the root, which was read; this thread is one of them. */
static int empty_below(struct mfi_crew *crew, struct mfi_walk *chief) {
    struct mfi_frame *root = mfi_walk_top(chief);
    if (mfi_walk_last_name(chief) < 0)
        return 0;
    char *entries = mfi_sys.malloc(MFI_ENTRIES);
    lock(crew);
    struct node *node = entries == NULL ? NULL : open_node(crew, chief, NULL, root);
    (void)pthread_cond_broadcast(&crew->work);
    unlock(crew);
    if (node == NULL) {
        free(entries);
        return -ENOMEM;
    }
    work(crew, entries);
    return 0;
}

/* After the threads. What is still open was given up. */
static void close_nodes(struct mfi_crew *crew, struct mfi_frame *root) {
    for (size_t i = 0; i < crew->open_count; i++) {
        struct node *node = crew->open[i];
        if (node->parent == NULL) {
            root->left |= node->left;
            node->frame.fd = -1; /* the chief's */
        }
        free_node(node);
    }
}

int mfi_crew_empty(struct mfi_walk *walk) {
    struct mfi_crew crew = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
        .back = PTHREAD_COND_INITIALIZER,
        .chief = walk,
        .jobs = walk->options->jobs < MFI_JOBS ? walk->options->jobs : MFI_JOBS,
    };
    walk->crew = &crew;
    int r = mfi_empty_scan(walk);
    if (r == 0)
        r = empty_below(&crew, walk);
    lock(&crew);
    end_work(&crew, r);
    crew.over = crew.complete = 1;
    (void)pthread_cond_broadcast(&crew.work);
    unlock(&crew);
    for (unsigned i = 0; i < crew.threads; i++)
        mfi_join(crew.thread[i]);
    close_nodes(&crew, mfi_walk_top(walk));
    walk->crew = NULL;
    return atomic_load(&crew.code);
}
