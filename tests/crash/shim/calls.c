/* The calls themselves. Each change happens under one lock, so that the journal has the order of the disk. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define FAIL_IF(kind, path, unlock) \
  do { \
    int fault = shim_fault(kind, path); \
    if (fault > 0) { \
      unlock; \
      errno = fault; \
      return -1; \
    } \
  } while (0)

static int open_tracked(const char *name, int dirfd, const char *path, int flags, mode_t mode) {
  REAL(int, "openat", int, const char *, int, mode_t);
  (void)name;
  char full[PATH_MAX];
  if (shim_path(dirfd, path, full) == NULL || (flags & O_PATH) != 0) return real(dirfd, path, flags, mode);
  shim_lock();
  struct stat before;
  bool writes = (flags & O_ACCMODE) != O_RDONLY;
  bool existed = lstat(full, &before) == 0;
  if (writes) FAIL_IF(kind_open, full, shim_unlock());
  int fd = real(dirfd, path, flags, mode);
  if (fd >= 0) {
    int saved = errno;
    shim_track(fd, full, (flags & O_APPEND) != 0);
    struct tracked *entry = shim_fd(fd);
    if (!existed && (flags & O_CREAT) != 0) shim_note(op_create, full, entry->inode, 0, NULL, 0);
    else if (writes && (flags & O_TRUNC) != 0) shim_note(op_truncate, NULL, entry->inode, 0, NULL, 0);
    errno = saved;
  }
  shim_unlock();
  return fd;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_tracked(#name, AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name) \
  int name(int dirfd, const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_tracked(#name, dirfd, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) { return open_tracked("creat", AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

int close(int fd) {
  REAL(int, "close", int);
  if (shim_fd(fd) == NULL) return real(fd);
  shim_lock();
  shim_forget(fd);
  int result = real(fd);
  shim_unlock();
  return result;
}

/* Writes `length` bytes at `offset`, or where the file stands when it is negative. The lock is held. */
static ssize_t write_tracked(int fd, const void *bytes, size_t length, off_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
  struct tracked *entry = shim_fd(fd);
  int fault = shim_fault(kind_write, entry->path);
  if (fault > 0) {
    errno = fault;
    return -1;
  }
  if (fault < 0 && length > 1) length /= 2;
  bool moves = offset < 0;
  if (moves || entry->append) {
    struct stat facts;
    if (entry->append) offset = fstat(fd, &facts) == 0 ? facts.st_size : 0;
    else offset = lseek(fd, 0, SEEK_CUR);
  }
  ssize_t written = real(fd, bytes, length, offset);
  if (written > 0) {
    if (moves) lseek(fd, offset + written, SEEK_SET);
    shim_note(op_write, NULL, entry->inode, (uint64_t)offset, bytes, (size_t)written);
  }
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (shim_fd(fd) == NULL) return real(fd, bytes, length);
  shim_lock();
  ssize_t written = write_tracked(fd, bytes, length, -1);
  shim_unlock();
  return written;
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *bytes, size_t length, off_t offset) { \
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t); \
    if (shim_fd(fd) == NULL) return real(fd, bytes, length, offset); \
    shim_lock(); \
    ssize_t written = write_tracked(fd, bytes, length, offset); \
    shim_unlock(); \
    return written; \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

static ssize_t write_all(int fd, const struct iovec *pieces, int count, off_t offset) {
  shim_lock();
  ssize_t total = 0;
  for (int i = 0; i < count; i++) {
    if (pieces[i].iov_len == 0) continue;
    ssize_t written = write_tracked(fd, pieces[i].iov_base, pieces[i].iov_len, offset < 0 ? -1 : offset + total);
    if (written < 0 && total == 0) total = -1;
    if (written < 0) break;
    total += written;
    if ((size_t)written < pieces[i].iov_len) break;
  }
  shim_unlock();
  return total;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  return shim_fd(fd) == NULL ? real(fd, pieces, count) : write_all(fd, pieces, count, -1);
}

#define PWRITEV(name) \
  ssize_t name(int fd, const struct iovec *pieces, int count, off_t offset) { \
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off_t); \
    return shim_fd(fd) == NULL ? real(fd, pieces, count, offset) : write_all(fd, pieces, count, offset); \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

static int resize(int fd, off_t size) {
  REAL(int, "ftruncate64", int, off_t);
  struct tracked *entry = shim_fd(fd);
  if (entry == NULL) return real(fd, size);
  shim_lock();
  FAIL_IF(kind_truncate, entry->path, shim_unlock());
  int result = real(fd, size);
  if (result == 0) shim_note(op_truncate, NULL, entry->inode, (uint64_t)size, NULL, 0);
  shim_unlock();
  return result;
}
int ftruncate(int fd, off_t size) { return resize(fd, size); }
int ftruncate64(int fd, off_t size) { return resize(fd, size); }

static int resize_path(const char *path, off_t size) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -1;
  int result = resize(fd, size);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}
int truncate(const char *path, off_t size) { return resize_path(path, size); }
int truncate64(const char *path, off_t size) { return resize_path(path, size); }

static int allocate(int fd, int mode, off_t offset, off_t length) {
  REAL(int, "fallocate64", int, int, off_t, off_t);
  struct tracked *entry = shim_fd(fd);
  if (entry == NULL) return real(fd, mode, offset, length);
  shim_lock();
  FAIL_IF(kind_write, entry->path, shim_unlock());
  int result = real(fd, mode, offset, length);
  struct stat facts;
  if (result == 0 && fstat(fd, &facts) == 0)
    shim_note(op_truncate, NULL, entry->inode, (uint64_t)facts.st_size, NULL, 0);
  shim_unlock();
  return result;
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return allocate(fd, mode, offset, length); }
int fallocate64(int fd, int mode, off_t offset, off_t length) { return allocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return allocate(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

static int sync_tracked(int fd, const char *name) {
  struct tracked *entry = shim_fd(fd);
  if (entry == NULL) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(fd);
  }
  shim_lock();
  FAIL_IF(kind_sync, entry->path, shim_unlock());
  if (!shim_sync_ignored(entry->path)) {
    if (entry->folder) shim_note(op_sync_folder, entry->path, entry->inode, 0, NULL, 0);
    else shim_note(op_sync, NULL, entry->inode, 0, NULL, 0);
  }
  shim_unlock();
  return 0;
}
int fsync(int fd) { return sync_tracked(fd, "fsync"); }
int fdatasync(int fd) { return sync_tracked(fd, "fdatasync"); }

/* Promises nothing about size or metadata, so nothing is noted. */
int sync_file_range(int fd, off_t offset, off_t length, unsigned flags) {
  REAL(int, "sync_file_range", int, off_t, off_t, unsigned);
  return shim_fd(fd) == NULL ? real(fd, offset, length, flags) : 0;
}

static void *map(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  REAL(void *, "mmap64", void *, size_t, int, int, int, off_t);
  if (fd >= 0 && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0 && shim_fd(fd) != NULL) {
    fprintf(stderr, "shim: %s is mapped to be written, which can not be followed\n", shim_fd(fd)->path);
    abort();
  }
  return real(at, length, protection, flags, fd, offset);
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) { return map(at, length, protection, flags, fd, offset); }
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) { return map(at, length, protection, flags, fd, offset); }

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t length, unsigned flags) {
  REAL(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);
  if (shim_fd(to) == NULL) return real(from, from_at, to, to_at, length, flags);
  /* Callers fall back to reading and writing. */
  errno = EXDEV;
  return -1;
}

#define SENDFILE(name) \
  ssize_t name(int to, int from, off_t *offset, size_t count) { \
    REAL(ssize_t, #name, int, int, off_t *, size_t); \
    if (shim_fd(to) == NULL) return real(to, from, offset, count); \
    errno = EINVAL; \
    return -1; \
  }
SENDFILE(sendfile)
SENDFILE(sendfile64)

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  REAL(int, "renameat", int, const char *, int, const char *);
  char old[PATH_MAX], new[PATH_MAX];
  const char *ours = shim_path(from_dir, from, old);
  if (shim_path(to_dir, to, new) == NULL || ours == NULL) {
    if (ours != NULL || shim_path(to_dir, to, new) != NULL) {
      fprintf(stderr, "shim: %s is renamed across the folder's border\n", from);
      abort();
    }
    return real(from_dir, from, to_dir, to);
  }
  shim_lock();
  FAIL_IF(kind_rename, old, shim_unlock());
  int result = real(from_dir, from, to_dir, to);
  if (result == 0) shim_note(op_rename, old, 0, 0, new, strlen(new));
  shim_unlock();
  return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  if (flags != 0) {
    errno = EINVAL;
    return -1;
  }
  return renameat(from_dir, from, to_dir, to);
}

int unlinkat(int dirfd, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  char full[PATH_MAX];
  if (shim_path(dirfd, path, full) == NULL) return real(dirfd, path, flags);
  shim_lock();
  FAIL_IF(kind_unlink, full, shim_unlock());
  int result = real(dirfd, path, flags);
  if (result == 0) shim_note((flags & AT_REMOVEDIR) != 0 ? op_rmdir : op_unlink, full, 0, 0, NULL, 0);
  shim_unlock();
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int result = unlinkat(AT_FDCWD, path, 0);
  return result != 0 && (errno == EISDIR || errno == EPERM) ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

int mkdirat(int dirfd, const char *path, mode_t mode) {
  REAL(int, "mkdirat", int, const char *, mode_t);
  char full[PATH_MAX];
  if (shim_path(dirfd, path, full) == NULL) return real(dirfd, path, mode);
  shim_lock();
  FAIL_IF(kind_mkdir, full, shim_unlock());
  int result = real(dirfd, path, mode);
  if (result == 0) shim_note(op_mkdir, full, 0, 0, NULL, 0);
  shim_unlock();
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  REAL(int, "linkat", int, const char *, int, const char *, int);
  char old[PATH_MAX], new[PATH_MAX];
  if (shim_path(to_dir, to, new) == NULL) return real(from_dir, from, to_dir, to, flags);
  shim_lock();
  int result = real(from_dir, from, to_dir, to, flags);
  if (result == 0 && shim_path(from_dir, from, old) != NULL) shim_note(op_link, old, 0, 0, new, strlen(new));
  shim_unlock();
  return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
