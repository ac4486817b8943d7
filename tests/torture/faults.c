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

/* What a crash of the machine may leave: of each file no more than was synced. */
static void lose_tails(void) {
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
    int at = 0;
    while (at < TAILS - 1 && tails[at].path[0] && strcmp(tails[at].path, path)) at++;
    if (!tails[at].path[0] || is_synced) tails[at].synced = synced;
    snprintf(tails[at].path, PATH, "%s", path);
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

static long refuse(int code) {
    errno = code;
    return -1;
}

/* A call that is done whole or not at all. */
#define WHOLE(name, path, grows, call) \
    do { \
        enum kind met = meet(name, path); \
        if (met == FAIL) return refuse(EIO); \
        if (met == FULL || ((grows) && no_room(path))) return refuse(ENOSPC); \
        __typeof__(call) done = call; \
        if (met == AFTER) die(); \
        return done; \
    } while (0)

static int opened(int dir, const char *name, int flags, mode_t mode) {
    char room[PATH];
    const char *path = absolute(dir, name, room);
    int is_new = (flags & O_CREAT) && syscall(SYS_access, path, F_OK) != 0;
    enum kind met = meet(is_new ? "create" : "open", path);
    if (met == FAIL) return refuse(EIO);
    if (met == FULL || (is_new && no_room(path))) return refuse(ENOSPC);
    int fd = syscall(SYS_openat, dir, name, flags, mode);
    if (met == AFTER) die();
    if (fd >= 0 && fd < FILES) {
        path_of[fd][0] = 0;
        if (below(path)) snprintf(path_of[fd], PATH, "%s", path);
    }
    return fd;
}

#define OPENED(dir) \
    do { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        return opened(dir, name, flags, mode); \
    } while (0)

int open(const char *name, int flags, ...) { OPENED(AT_FDCWD); }
int open64(const char *name, int flags, ...) { OPENED(AT_FDCWD); }
int openat(int dir, const char *name, int flags, ...) { OPENED(dir); }
int openat64(int dir, const char *name, int flags, ...) { OPENED(dir); }

int close(int fd) {
    if (fd >= 0 && fd < FILES) path_of[fd][0] = 0;
    return syscall(SYS_close, fd);
}

DIR *opendir(const char *name) {
    REAL(opendir);
    char room[PATH];
    enum kind met = meet("opendir", absolute(AT_FDCWD, name, room));
    if (met == FAIL) return errno = EIO, NULL;
    DIR *dir = real(name);
    if (met == AFTER) die();
    return dir;
}

/* The first half of slices, one byte at least. */
static int half(const struct iovec *slices, int number, struct iovec *out) {
    size_t all = 0;
    for (int at = 0; at < number; at++) all += slices[at].iov_len;
    size_t left = all > 1 ? all / 2 : all;
    int taken = 0;
    for (; taken < number && left && taken < SLICES; taken++) {
        out[taken] = slices[taken];
        if (out[taken].iov_len > left) out[taken].iov_len = left;
        left -= out[taken].iov_len;
    }
    return taken;
}

static size_t sum(const struct iovec *slices, int number) {
    size_t all = 0;
    for (int at = 0; at < number; at++) all += slices[at].iov_len;
    return all;
}

/* Whether a write makes a file longer; `at` below zero is where the file stands. */
static int grows(int fd, off_t at, size_t bytes) {
    struct stat now;
    if (fstat(fd, &now) || !S_ISREG(now.st_mode)) return 0;
    if (at < 0 && syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) return bytes > 0;
    if (at < 0) at = syscall(SYS_lseek, fd, (off_t)0, SEEK_CUR);
    return at + (off_t)bytes > now.st_size;
}

static ssize_t put(int fd, const struct iovec *slices, int number, off_t at) {
    if (at < 0) return syscall(SYS_writev, fd, slices, number);
    return syscall(SYS_pwritev, fd, slices, number, (long)at, 0L);
}

static ssize_t written(const char *call, int fd, const struct iovec *slices, int number, off_t at) {
    char room[PATH];
    const char *path = path_at(fd, room);
    if (!path) return put(fd, slices, number, at);
    struct stat before;
    if (fstat(fd, &before) == 0 && S_ISREG(before.st_mode)) note_tail(path, before.st_size, 0);
    struct iovec first[SLICES];
    size_t bytes = sum(slices, number);
    enum kind met = meet(call, path);
    if (met == FAIL) return refuse(EIO);
    /* Where files are never written in place, that takes room as well. */
    if (met == FULL && (bytes < 2 || !grows(fd, at, bytes))) return refuse(ENOSPC);
    if (met == TORN || met == SHORT || met == FULL) {
        /* A disk that fills up takes a part, and refuses the rest. */
        ssize_t done = put(fd, first, half(slices, number, first), at);
        if (met == TORN) die();
        return done;
    }
    if (no_room(path) && grows(fd, at, bytes)) return refuse(ENOSPC);
    ssize_t done = put(fd, slices, number, at);
    if (met == AFTER) die();
    return done;
}

#define ONE { .iov_base = (void *)data, .iov_len = bytes }

ssize_t write(int fd, const void *data, size_t bytes) {
    struct iovec one = ONE;
    return written("write", fd, &one, 1, -1);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
    struct iovec one = ONE;
    return written("pwrite", fd, &one, 1, at);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t at) {
    return pwrite(fd, data, bytes, at);
}
ssize_t writev(int fd, const struct iovec *slices, int number) {
    return written("writev", fd, slices, number, -1);
}
ssize_t pwritev(int fd, const struct iovec *slices, int number, off_t at) {
    return written("pwritev", fd, slices, number, at);
}
ssize_t pwritev64(int fd, const struct iovec *slices, int number, off_t at) {
    return written("pwritev", fd, slices, number, at);
}

static ssize_t taken(const char *call, int fd, void *data, size_t bytes, off_t at) {
    char room[PATH];
    const char *path = path_at(fd, room);
    enum kind met = meet(call, path);
    if (met == FAIL) return refuse(EIO);
    if (met == SHORT && bytes > 1) bytes /= 2;
    ssize_t done = at < 0 ? syscall(SYS_read, fd, data, bytes) : syscall(SYS_pread64, fd, data, bytes, at);
    if (met == AFTER) die();
    return done;
}

ssize_t read(int fd, void *data, size_t bytes) { return taken("read", fd, data, bytes, -1); }
ssize_t pread(int fd, void *data, size_t bytes, off_t at) { return taken("pread", fd, data, bytes, at); }
ssize_t pread64(int fd, void *data, size_t bytes, off_t at) { return taken("pread", fd, data, bytes, at); }

static int synced(const char *call, int number, int fd) {
    char room[PATH];
    const char *path = path_at(fd, room);
    struct stat now;
    int is_file = path && fstat(fd, &now) == 0 && S_ISREG(now.st_mode);
    enum kind met = meet(call, path);
    if (met == FAIL || met == FULL) return refuse(met == FAIL ? EIO : ENOSPC);
    int done = syscall(number, fd);
    if (is_file && done == 0) note_tail(path, now.st_size, 1);
    if (met == AFTER) die();
    return done;
}

int fsync(int fd) { return synced("fsync", SYS_fsync, fd); }
int fdatasync(int fd) { return synced("fdatasync", SYS_fdatasync, fd); }

static int cut(int fd, off_t bytes) {
    char room[PATH];
    const char *path = path_at(fd, room);
    struct stat now;
    int more = path && fstat(fd, &now) == 0 && bytes > now.st_size;
    if (path && !more) note_tail(path, bytes, 0);
    WHOLE("ftruncate", path, more, (int)syscall(SYS_ftruncate, fd, bytes));
}

int ftruncate(int fd, off_t bytes) { return cut(fd, bytes); }
int ftruncate64(int fd, off_t bytes) { return cut(fd, bytes); }

static int renamed(int from_dir, const char *from, int to_dir, const char *to) {
    char one[PATH], other[PATH];
    const char *source = absolute(from_dir, from, one), *target = absolute(to_dir, to, other);
    enum kind met = meet("rename", source);
    if (met == FAIL || met == FULL) return refuse(met == FAIL ? EIO : ENOSPC);
    int done = syscall(SYS_renameat, from_dir, from, to_dir, to);
    if (done == 0) forget_tail(source, target);
    if (met == AFTER) die();
    return done;
}

int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renamed(from_dir, from, to_dir, to);
}

static void keep(const char *path) {
    char name[2 * PATH];
    struct stat now;
    if (!wanted.archive || stat(path, &now) || !S_ISREG(now.st_mode)) return;
    size_t root = strlen(wanted.archive);
    snprintf(name, sizeof name, "%s/%s", wanted.archive, below(path));
    for (char *at = name + root + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        syscall(SYS_mkdir, name, 0755);
        *at = '/';
    }
    /* One name may go more than once; the last is what counts. */
    syscall(SYS_unlink, name);
    syscall(SYS_link, path, name);
}

static int removed(int dir, const char *name, int flags) {
    char room[PATH];
    const char *path = absolute(dir, name, room);
    enum kind met = meet(flags ? "rmdir" : "unlink", path);
    if (met == FAIL) return refuse(EIO);
    if (below(path)) keep(path);
    int done = syscall(SYS_unlinkat, dir, name, flags);
    if (done == 0) forget_tail(path, NULL);
    if (met == AFTER) die();
    return done;
}

int unlink(const char *name) { return removed(AT_FDCWD, name, 0); }
int unlinkat(int dir, const char *name, int flags) { return removed(dir, name, flags); }
int rmdir(const char *name) { return removed(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdir(const char *name, mode_t mode) {
    char room[PATH];
    const char *path = absolute(AT_FDCWD, name, room);
    /* Programs make folders to be sure of them: one that is there is no work. */
    if (syscall(SYS_access, path, F_OK) == 0) return refuse(EEXIST);
    WHOLE("mkdir", path, 1, (int)syscall(SYS_mkdir, name, mode));
}

/* Copies that the system makes by itself are made by reading and writing instead, which are
 * counted: the standard library does so where there is no such call. */
ssize_t copy_file_range(int from, off_t *at, int to, off_t *there, size_t bytes, unsigned flags) {
    (void)from, (void)at, (void)to, (void)there, (void)bytes, (void)flags;
    return refuse(ENOSYS);
}

ssize_t sendfile64(int to, int from, off_t *at, size_t bytes) {
    (void)to, (void)from, (void)at, (void)bytes;
    return refuse(ENOSYS);
}
