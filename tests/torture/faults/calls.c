/*
 * The calls that reach files, each as the system has it but for the fault that it meets: see
 * sites.c, which is a part of this file.
 */
#include "sites.c"

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
