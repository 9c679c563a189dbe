#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS_MAX 65536

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tracked *tracked[FDS_MAX];
static char root[PATH_MAX];
static size_t root_length;
static int journal = -1;
static struct control *control;
static const char *no_sync;

static void die(const char *why) {
  syscall(SYS_write, 2, why, strlen(why));
  abort();
}

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("PGTIDE_SHIM_ROOT");
  const char *journal_path = getenv("PGTIDE_SHIM_JOURNAL");
  const char *control_path = getenv("PGTIDE_SHIM_CONTROL");
  no_sync = getenv("PGTIDE_SHIM_NO_SYNC");
  if (folder == NULL) return;
  root_length = strlen(folder);
  if (root_length >= sizeof root) die("shim: PGTIDE_SHIM_ROOT is too long\n");
  memcpy(root, folder, root_length + 1);
  if (journal_path != NULL) {
    journal = (int)syscall(SYS_openat, AT_FDCWD, journal_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (journal < 0) die("shim: the journal can not be opened\n");
  }
  if (control_path != NULL) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC);
    if (fd < 0) die("shim: the control file can not be opened\n");
    void *mapped = (void *)syscall(SYS_mmap, NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) die("shim: the control file can not be mapped\n");
    control = mapped;
    syscall(SYS_close, fd);
  }
}

void shim_lock(void) { pthread_mutex_lock(&mutex); }
void shim_unlock(void) { pthread_mutex_unlock(&mutex); }

const char *shim_path(int dirfd, const char *path, char *out) {
  if (root_length == 0 || path == NULL) return NULL;
  char full[PATH_MAX];
  if (path[0] == '/') {
    if (strlen(path) >= sizeof full) return NULL;
    strcpy(full, path);
  } else {
    char base[PATH_MAX];
    if (dirfd == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) return NULL;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
      ssize_t length = readlink(link, base, sizeof base - 1);
      if (length < 0) return NULL;
      base[length] = 0;
    }
    if (snprintf(full, sizeof full, "%s/%s", base, path) >= (int)sizeof full) return NULL;
  }
  /* Without empty and `.` components and a slash at the end; `..` is not used by those under test. */
  size_t to = 0;
  for (size_t from = 0; full[from] != 0;) {
    while (full[from] == '/') from++;
    size_t end = from;
    while (full[end] != 0 && full[end] != '/') end++;
    if (end == from) break;
    if (!(end - from == 1 && full[from] == '.')) {
      out[to++] = '/';
      memcpy(out + to, full + from, end - from);
      to += end - from;
    }
    from = end;
  }
  out[to] = 0;
  if (strncmp(out, root, root_length) != 0) return NULL;
  if (out[root_length] != 0 && out[root_length] != '/') return NULL;
  return out;
}

struct tracked *shim_fd(int fd) {
  struct tracked *entry = fd >= 0 && fd < FDS_MAX ? tracked[fd] : NULL;
  if (entry == NULL) return NULL;
  /* libuv closes by a bare system call: the descriptor may be another file's, or a socket's, by now. */
  struct stat facts;
  int saved = errno;
  bool same = fstat(fd, &facts) == 0 && facts.st_ino == entry->inode && facts.st_dev == entry->device;
  errno = saved;
  if (same) return entry;
  tracked[fd] = NULL;
  return NULL;
}

void shim_track(int fd, const char *path, bool append) {
  struct stat facts;
  if (fd >= FDS_MAX || fstat(fd, &facts) != 0) die("shim: a descriptor can not be tracked\n");
  struct tracked *entry = malloc(sizeof *entry);
  entry->path = strdup(path);
  entry->inode = facts.st_ino;
  entry->device = facts.st_dev;
  entry->append = append;
  entry->folder = S_ISDIR(facts.st_mode);
  shim_forget(fd);
  tracked[fd] = entry;
}

void shim_forget(int fd) {
  /* Never freed: another thread may have it in hand, and a test's process is short. */
  if (fd >= 0 && fd < FDS_MAX) tracked[fd] = NULL;
}

static void append(const void *bytes, size_t length) {
  const char *from = bytes;
  while (length > 0) {
    long written = syscall(SYS_write, journal, from, length);
    if (written <= 0) die("shim: the journal can not be written\n");
    from += written;
    length -= (size_t)written;
  }
}

void shim_note(enum op op, const char *path, uint64_t inode, uint64_t offset, const void *data, size_t length) {
  if (journal < 0) return;
  struct {
    uint32_t op, path_length;
    uint64_t inode, offset, length;
  } head = {op, path == NULL ? 0 : (uint32_t)strlen(path), inode, offset, length};
  append(&head, sizeof head);
  append(path, head.path_length);
  append(data, length);
}

int shim_fault(enum kind kind, const char *path) {
  if (control == NULL || (control->kinds & kind) == 0 || control->countdown == 0) return 0;
  if (control->pattern[0] != 0 && fnmatch(control->pattern, path, 0) != 0) return 0;
  control->seen++;
  if (control->countdown > 0 && --control->countdown > 0) return 0;
  if (control->countdown == 0 && control->persistent) control->countdown = -1;
  control->fired++;
  return control->error == 0 ? -1 : control->error;
}

bool shim_sync_ignored(const char *path) { return no_sync != NULL && fnmatch(no_sync, path, 0) == 0; }
