/* An LD_PRELOAD layer that records what a program asks of a folder: every change of its files and names, and every
 * sync. tests/live/power_loss/disk.py replays the record and says what a power failure could leave.
 *
 * POWER_LOSS_ROOT is the folder, without symbolic links. POWER_LOSS_LOG is the record, outside of it. All processes of
 * a program append to one record. A lock around each call and its record makes their order that of the calls.
 *
 * A sync is recorded and not passed on: the record is the disk. Writes through a shared mapping cannot be seen; a
 * mapping that allows them is recorded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, LINK, REMOVE, MKDIR, MAPPED, UNSUPPORTED };

/* Little endian on all machines that run the tests; the names and the data follow. */
struct record {
    uint32_t kind, name_length, other_length, data_length;
    uint64_t inode, folder, other_folder, number;
};

/* A name in a folder. */
struct place {
    int folder;
    uint64_t inode;
    char name[NAME_MAX + 1];
};

#define REAL(name) ((__typeof__(&name))real(#name))

static const char *root, *log_path;
static size_t root_length;
static int log_fd = -1;
static pid_t log_owner;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

static void fail(const char *what) {
    dprintf(2, "power loss recorder: %s: %s\n", what, strerror(errno));
    abort();
}

static void lock_mutex(void) { pthread_mutex_lock(&mutex); }
static void unlock_mutex(void) { pthread_mutex_unlock(&mutex); }

__attribute__((constructor)) static void start(void) {
    log_path = getenv("POWER_LOSS_LOG");
    root = log_path == NULL ? NULL : getenv("POWER_LOSS_ROOT");
    if (root == NULL) return;
    root_length = strlen(root);
    pthread_atfork(lock_mutex, unlock_mutex, unlock_mutex);
}

/* Threads exclude each other by the mutex, processes by a lock of a descriptor that they do not share. */
static void begin(void) {
    lock_mutex();
    if (log_owner != getpid() || fcntl(log_fd, F_GETFD) < 0) {
        log_fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (log_fd < 0) fail(log_path);
        log_owner = getpid();
    }
    while (flock(log_fd, LOCK_EX) < 0)
        if (errno != EINTR) fail("flock");
}

static void end(void) {
    int error = errno;
    flock(log_fd, LOCK_UN);
    unlock_mutex();
    errno = error;
}

static void append(struct record record, const char *name, const char *other, const void *data, size_t length) {
    record.name_length = name == NULL ? 0 : strlen(name);
    record.other_length = other == NULL ? 0 : strlen(other);
    record.data_length = length;
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)name, record.name_length},
                            {(void *)other, record.other_length},
                            {(void *)data, length}};
    size_t whole = sizeof record + record.name_length + record.other_length + length;
    if (syscall(SYS_writev, log_fd, parts, 4) != (ssize_t)whole) fail("the record cannot be written");
}

static int is_in_root(int fd) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)root_length || strncmp(path, root, root_length) != 0) return 0;
    path[length] = 0;
    return path[root_length] == '/' || path[root_length] == 0;
}

/* Whether it is a file of the folder, or the folder itself or one in it. */
static int is_recorded(int fd, struct stat *status) {
    int error = errno;
    int found = root != NULL && fstat(fd, status) == 0 && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) &&
                is_in_root(fd);
    errno = error;
    return found;
}

static int is_recorded_file(int fd, struct stat *status) {
    return is_recorded(fd, status) && S_ISREG(status->st_mode);
}

/* Find a name whose folder is in the root; `leave` closes what this opens. */
static int find(int at, const char *path, struct place *place) {
    if (root == NULL) return 0;
    int error = errno, found = 0;
    char copy[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof copy) return 0;
    memcpy(copy, path, length + 1);
    while (length > 1 && copy[length - 1] == '/') copy[--length] = 0;
    char *slash = strrchr(copy, '/');
    const char *name = slash == NULL ? copy : slash + 1;
    if (strlen(name) <= NAME_MAX) {
        strcpy(place->name, name);
        const char *folder = slash == NULL ? "." : slash == copy ? "/" : copy;
        if (slash != NULL && slash != copy) *slash = 0;
        place->folder = syscall(SYS_openat, at, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        if (place->folder >= 0) {
            struct stat status;
            found = fstat(place->folder, &status) == 0 && is_in_root(place->folder);
            place->inode = status.st_ino;
            if (!found) close(place->folder);
        }
    }
    errno = error;
    return found;
}

static void leave(struct place *place) {
    int error = errno;
    close(place->folder);
    errno = error;
}

static int inode_of(struct place *place, struct stat *status) {
    int error = errno;
    int found = fstatat(place->folder, place->name, status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = error;
    return found;
}

/* Opening. */

static int record_open(int at, const char *path, int flags, mode_t mode) {
    struct place place;
    int (*open_it)(int, const char *, int, ...) = REAL(openat);
    if (!(flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE) return open_it(at, path, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        begin();
        int fd = open_it(at, path, flags, mode);
        struct stat status;
        if (fd >= 0 && is_recorded_file(fd, &status))
            append((struct record){.kind = CREATE, .inode = status.st_ino, .number = mode}, NULL, NULL, NULL, 0);
        end();
        return fd;
    }
    if (!find(at, path, &place)) return open_it(at, path, flags, mode);
    begin();
    struct stat before, status;
    int existed = inode_of(&place, &before);
    int fd = open_it(at, path, flags, mode);
    if (fd >= 0 && is_recorded_file(fd, &status)) {
        struct record record = {.inode = status.st_ino, .folder = place.inode, .number = status.st_mode & 07777};
        if (!existed) {
            record.kind = CREATE;
            append(record, place.name, NULL, NULL, 0);
        } else if (flags & O_TRUNC) {
            append((struct record){.kind = TRUNCATE, .inode = status.st_ino}, NULL, NULL, NULL, 0);
        }
    }
    end();
    leave(&place);
    return fd;
}

#define MODE(flags, mode)                                           \
    mode_t mode = 0;                                                \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list arguments;                                          \
        va_start(arguments, flags);                                 \
        mode = va_arg(arguments, mode_t);                           \
        va_end(arguments);                                          \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return record_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return record_open(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return record_open(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return record_open(at, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode) { return record_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Writing. */

static void append_write(const struct stat *status, off_t offset, const void *data, ssize_t length) {
    if (length > 0)
        append((struct record){.kind = WRITE, .inode = status->st_ino, .number = offset}, NULL, NULL, data, length);
}

static off_t next_offset(int fd) {
    struct stat status;
    if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &status) == 0) return status.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) {
    struct stat status;
    if (!is_recorded_file(fd, &status)) return REAL(write)(fd, data, length);
    begin();
    off_t offset = next_offset(fd);
    ssize_t written = REAL(write)(fd, data, length);
    append_write(&status, offset, data, written);
    end();
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    struct stat status;
    if (!is_recorded_file(fd, &status)) return REAL(pwrite)(fd, data, length, offset);
    begin();
    ssize_t written = REAL(pwrite)(fd, data, length, offset);
    append_write(&status, offset, data, written);
    end();
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwrite(fd, data, length, offset); }

static ssize_t record_vector(int fd, const struct iovec *parts, int count, off_t given) {
    struct stat status;
    if (!is_recorded_file(fd, &status))
        return given < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, given);
    begin();
    off_t offset = given < 0 ? next_offset(fd) : given;
    ssize_t written = given < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, given);
    ssize_t left = written;
    for (int each = 0; each < count && left > 0; each++) {
        ssize_t length = (ssize_t)parts[each].iov_len < left ? (ssize_t)parts[each].iov_len : left;
        append_write(&status, offset, parts[each].iov_base, length);
        offset += length;
        left -= length;
    }
    end();
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return record_vector(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return record_vector(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }

/* What the kernel copies is read from its source. */
static void append_copy(const struct stat *status, off_t offset, int source, off_t at, ssize_t length) {
    char *copy = length > 0 ? malloc(length) : NULL;
    if (length <= 0) return;
    if (copy == NULL || pread(source, copy, length, at) != length) fail("what was copied cannot be read");
    append_write(status, offset, copy, length);
    free(copy);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    struct stat status;
    if (!is_recorded_file(out, &status)) return REAL(copy_file_range)(in, in_at, out, out_at, length, flags);
    begin();
    off_t from = in_at == NULL ? lseek(in, 0, SEEK_CUR) : *in_at, to = out_at == NULL ? next_offset(out) : *out_at;
    ssize_t copied = REAL(copy_file_range)(in, in_at, out, out_at, length, flags);
    append_copy(&status, to, in, from, copied);
    end();
    return copied;
}

ssize_t sendfile(int out, int in, off_t *at, size_t length) {
    static ssize_t (*send_it)(int, int, off_t *, size_t);
    if (send_it == NULL) send_it = real("sendfile");
    struct stat status;
    if (!is_recorded_file(out, &status)) return send_it(out, in, at, length);
    begin();
    off_t from = at == NULL ? lseek(in, 0, SEEK_CUR) : *at, to = next_offset(out);
    ssize_t copied = send_it(out, in, at, length);
    append_copy(&status, to, in, from, copied);
    end();
    return copied;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t length) { return sendfile(out, in, at, length); }

static void append_size(const struct stat *status, off_t size) {
    append((struct record){.kind = TRUNCATE, .inode = status->st_ino, .number = size}, NULL, NULL, NULL, 0);
}

int ftruncate(int fd, off_t size) {
    struct stat status;
    if (!is_recorded_file(fd, &status)) return REAL(ftruncate)(fd, size);
    begin();
    int result = REAL(ftruncate)(fd, size);
    if (result == 0) append_size(&status, size);
    end();
    return result;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int truncate(const char *path, off_t size) {
    int fd = REAL(open)(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = ftruncate(fd, size);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* An allocation matters only where it changes the size; holes that are punched are not replayed. */
int fallocate(int fd, int mode, off_t offset, off_t length) {
    struct stat status;
    if (!is_recorded_file(fd, &status)) return REAL(fallocate)(fd, mode, offset, length);
    begin();
    int result = REAL(fallocate)(fd, mode, offset, length);
    if (result == 0 && (mode & ~0x01)) append((struct record){.kind = UNSUPPORTED}, "fallocate", NULL, NULL, 0);
    if (result == 0 && mode == 0 && offset + length > status.st_size) append_size(&status, offset + length);
    end();
    return result;
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) < 0 ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    struct stat status;
    void *mapped = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if (mapped != MAP_FAILED && fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE) &&
        is_recorded_file(fd, &status)) {
        begin();
        append((struct record){.kind = MAPPED, .inode = status.st_ino}, NULL, NULL, NULL, 0);
        end();
    }
    return mapped;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

/* Syncing. */

static int record_sync(int fd, int (*sync_it)(int)) {
    struct stat status;
    if (!is_recorded(fd, &status)) return sync_it(fd);
    begin();
    append((struct record){.kind = SYNC, .inode = status.st_ino}, NULL, NULL, NULL, 0);
    end();
    return 0;
}

int fsync(int fd) { return record_sync(fd, REAL(fsync)); }
int fdatasync(int fd) { return record_sync(fd, REAL(fdatasync)); }

/* Names. */

static int record_rename(int at, const char *from, int to_at, const char *to, unsigned flags) {
    struct place old, new;
    int (*rename_it)(int, const char *, int, const char *, unsigned) = real("renameat2");
    int has_old = find(at, from, &old), has_new = find(to_at, to, &new);
    if (!has_old && !has_new) return rename_it(at, from, to_at, to, flags);
    begin();
    int result = rename_it(at, from, to_at, to, flags);
    struct stat status;
    if (result == 0 && has_old && has_new && inode_of(&new, &status) && !(flags & ~1U)) {
        struct record record = {.kind = RENAME, .folder = old.inode, .other_folder = new.inode, .inode = status.st_ino};
        append(record, old.name, new.name, NULL, 0);
    } else if (result == 0) {
        append((struct record){.kind = UNSUPPORTED}, "rename", NULL, NULL, 0);
    }
    end();
    if (has_old) leave(&old);
    if (has_new) leave(&new);
    return result;
}

int rename(const char *from, const char *to) { return record_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int at, const char *from, int to_at, const char *to) { return record_rename(at, from, to_at, to, 0); }
int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags) {
    return record_rename(at, from, to_at, to, flags);
}

static int record_link(int at, const char *from, int to_at, const char *to, int flags) {
    struct place place;
    if (!find(to_at, to, &place)) return REAL(linkat)(at, from, to_at, to, flags);
    begin();
    int result = REAL(linkat)(at, from, to_at, to, flags);
    struct stat status;
    if (result == 0 && inode_of(&place, &status))
        append((struct record){.kind = LINK, .folder = place.inode, .inode = status.st_ino}, place.name, NULL, NULL, 0);
    end();
    leave(&place);
    return result;
}

int link(const char *from, const char *to) { return record_link(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    return record_link(at, from, to_at, to, flags);
}

static int record_remove(int at, const char *path, int flags) {
    struct place place;
    if (!find(at, path, &place)) return REAL(unlinkat)(at, path, flags);
    begin();
    int result = REAL(unlinkat)(at, path, flags);
    if (result == 0) append((struct record){.kind = REMOVE, .folder = place.inode}, place.name, NULL, NULL, 0);
    end();
    leave(&place);
    return result;
}

int unlink(const char *path) { return record_remove(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return record_remove(at, path, flags); }
int rmdir(const char *path) { return record_remove(AT_FDCWD, path, AT_REMOVEDIR); }

static int record_mkdir(int at, const char *path, mode_t mode) {
    struct place place;
    if (!find(at, path, &place)) return REAL(mkdirat)(at, path, mode);
    begin();
    int result = REAL(mkdirat)(at, path, mode);
    struct stat status;
    if (result == 0 && inode_of(&place, &status)) {
        struct record record = {.kind = MKDIR, .folder = place.inode, .inode = status.st_ino};
        append(record, place.name, NULL, NULL, 0);
    }
    end();
    leave(&place);
    return result;
}

int mkdir(const char *path, mode_t mode) { return record_mkdir(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return record_mkdir(at, path, mode); }

int symlinkat(const char *target, int at, const char *path) {
    struct place place;
    if (find(at, path, &place)) {
        begin();
        append((struct record){.kind = UNSUPPORTED}, "symlink", NULL, NULL, 0);
        end();
        leave(&place);
    }
    return REAL(symlinkat)(target, at, path);
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }
