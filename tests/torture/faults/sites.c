/*
 * Faults of a disk, between a program and the C library.
 *
 * Loaded before the library (LD_PRELOAD), it counts the calls that reach files below one
 * directory, and lets one of them fail. A site is a call and a class of files: the path below the
 * directory with each row of digits as `N`. The environment says what is wanted:
 *
 *   FAULTS_ROOT     the directory, without links in its path
 *   FAULTS_LIST     every call is a line in this file: its site
 *   FAULTS_SITE     where: the call, a blank and the class
 *   FAULTS_AT       at which call of the site, from 1
 *   FAULTS_KIND     what: before, after, torn, lost (the process is killed before or after the
 *                   call, after half of it, or before it with every tail lost that was not
 *                   synced), short (half of it is done), EIO, ENOSPC
 *   FAULTS_MARK     gets the path of the file when the fault happens
 *   FAULTS_ROOM     when this file is there, the disk is full no more
 *   FAULTS_ARCHIVE  files that are removed are kept in this directory, by their path
 *
 * What it does for itself are system calls, which are not counted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 4096, TAILS = 512, PATH = 512, SLICES = 1024 };

enum kind { NOTHING, BEFORE, AFTER, TORN, LOST, SHORT, FAIL, FULL };

static struct {
    const char *root, *list, *site, *kind, *mark, *room, *archive;
    long at;
} wanted;

/* Paths of open files below the root, by descriptor; empty for all others. */
static char path_of[FILES][PATH];
/* Files that were written to, and how much of each is on disk. */
static struct { char path[PATH]; off_t synced; } tails[TAILS];
static atomic_int tails_lock;
static atomic_long calls;
/* The part of the root that has no room; written before the flag. */
static char full_part[PATH];
static atomic_int is_full;

static const char *asked(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

__attribute__((constructor)) static void begin(void) {
    wanted.root = asked("FAULTS_ROOT");
    wanted.list = asked("FAULTS_LIST");
    wanted.site = asked("FAULTS_SITE");
    wanted.kind = asked("FAULTS_KIND");
    wanted.mark = asked("FAULTS_MARK");
    wanted.room = asked("FAULTS_ROOM");
    wanted.archive = asked("FAULTS_ARCHIVE");
    wanted.at = asked("FAULTS_AT") ? atol(asked("FAULTS_AT")) : 0;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void append(const char *file, const char *text) {
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return;
    syscall(SYS_write, fd, text, strlen(text));
    syscall(SYS_close, fd);
}

/* The path below the root; NULL for what lies elsewhere, and for the root itself. */
static const char *below(const char *path) {
    size_t root = wanted.root ? strlen(wanted.root) : 0;
    if (!root || strncmp(path, wanted.root, root) || path[root] != '/') return NULL;
    return path + root + 1;
}

/* Makes a path absolute, as far as that takes no look at the disk. */
static const char *absolute(int dir, const char *path, char *room) {
    if (path[0] == '/') return path;
    char link[64], base[PATH / 2];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t length = readlink(dir == AT_FDCWD ? "/proc/self/cwd" : link, base, sizeof base - 1);
    if (length < 0) return path;
    base[length] = 0;
    snprintf(room, PATH, "%s/%.*s", base, PATH / 2 - 2, path);
    return room;
}

static const char *path_at(int fd, char *room) {
    if (fd < 0) return NULL;
    if (fd < FILES && path_of[fd][0]) return path_of[fd];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, room, PATH - 1);
    if (length <= 0) return NULL;
    room[length] = 0;
    return below(room) ? room : NULL;
}

static void classify(const char *call, const char *path, char *site) {
    char *end = site + snprintf(site, 32, "%s ", call);
    for (const char *at = below(path); *at && end < site + PATH - 2; at++) {
        if (*at < '0' || *at > '9') *end++ = *at;
        else if (end[-1] != 'N') *end++ = 'N';
    }
    *end = 0;
}

static void die(void) {
    syscall(SYS_kill, getpid(), 9);
    for (;;) pause();
}

/* What a crash of the machine may leave: of each file no more than was synced. The lock stays
 * taken: nothing is written, and no sync returns, once tails are lost. */
static void lose_tails(void) {
    while (atomic_exchange(&tails_lock, 1)) {}
    for (int at = 0; at < TAILS && tails[at].path[0]; at++) {
        struct stat now;
        if (stat(tails[at].path, &now) == 0 && now.st_size > tails[at].synced)
            syscall(SYS_truncate, tails[at].path, tails[at].synced);
    }
}

/* Takes down how much of a file is on disk: of one that is new here, what it holds already. */
static void note_tail(const char *path, off_t synced, int is_synced) {
    /* What lies in the root itself is the harness's own, such as standard output. */
    if (!strchr(below(path), '/')) return;
    while (atomic_exchange(&tails_lock, 1)) {}
    int at = 0, gone = -1;
    while (at < TAILS && tails[at].path[0] && strcmp(tails[at].path, path)) {
        if (!strcmp(tails[at].path, "?")) gone = at;
        at++;
    }
    int is_known = at < TAILS && tails[at].path[0];
    if (!is_known && gone >= 0) at = gone;
    if (at < TAILS && (!is_known || is_synced)) tails[at].synced = synced;
    if (at < TAILS) snprintf(tails[at].path, PATH, "%s", path);
    atomic_store(&tails_lock, 0);
}

static void forget_tail(const char *from, const char *to) {
    while (atomic_exchange(&tails_lock, 1)) {}
    for (int at = 0; at < TAILS && tails[at].path[0]; at++) {
        if (to && !strcmp(tails[at].path, to)) snprintf(tails[at].path, PATH, "?");
    }
    for (int at = 0; at < TAILS && tails[at].path[0]; at++) {
        if (!strcmp(tails[at].path, from)) snprintf(tails[at].path, PATH, "%s", to ? to : "?");
    }
    atomic_store(&tails_lock, 0);
}

/* Counts a call, and says what happens to it. */
static enum kind meet(const char *call, const char *path) {
    char site[PATH + 32];
    if (!path || !below(path)) return NOTHING;
    int kept = errno;
    classify(call, path, site);
    if (wanted.list) {
        char line[PATH + 40];
        snprintf(line, sizeof line, "%s\n", site);
        append(wanted.list, line);
    }
    errno = kept;
    if (!wanted.site || strcmp(site, wanted.site)) return NOTHING;
    if (atomic_fetch_add(&calls, 1) + 1 != wanted.at) return NOTHING;
    if (wanted.mark) append(wanted.mark, path);
    errno = kept;
    if (!strcmp(wanted.kind, "before")) die();
    if (!strcmp(wanted.kind, "lost")) { lose_tails(); die(); }
    if (!strcmp(wanted.kind, "after")) return AFTER;
    if (!strcmp(wanted.kind, "torn")) return TORN;
    if (!strcmp(wanted.kind, "short")) return SHORT;
    if (!strcmp(wanted.kind, "EIO")) return FAIL;
    const char *part = below(path);
    snprintf(full_part, PATH, "%.*s", (int)strcspn(part, "/"), part);
    atomic_store(&is_full, 1);
    return FULL;
}

/* Whether there is no room where a path lies: each folder of the root is a disk of its own. */
static int no_room(const char *path) {
    const char *part = path ? below(path) : NULL;
    if (!part || !atomic_load(&is_full)) return 0;
    if (wanted.room && syscall(SYS_access, wanted.room, F_OK) == 0) {
        atomic_store(&is_full, 0);
        return 0;
    }
    size_t length = strlen(full_part);
    return !strncmp(part, full_part, length) && (part[length] == '/' || !part[length]);
}
