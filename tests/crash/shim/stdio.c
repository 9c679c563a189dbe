/*
 * LevelDB writes by stdio, whose own writes never pass the calls of calls.c. Streams of the folder that are open for writing get
 * a buffer here; only what LevelDB and DuckDB import is there.
 */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Macros of the header when optimising. */
#undef fwrite_unlocked
#undef fwrite

#define BUFFER_BYTES 4096

struct stream {
  FILE *file;
  size_t used;
  struct stream *next;
  char buffer[BUFFER_BYTES];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct stream *streams;

static struct stream *find(FILE *file) {
  pthread_mutex_lock(&mutex);
  struct stream *found = streams;
  while (found != NULL && found->file != file) found = found->next;
  pthread_mutex_unlock(&mutex);
  return found;
}

static FILE *open_stream(const char *path, const char *mode) {
  FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen64");
  char full[PATH_MAX];
  if (mode[0] == 'r' && strchr(mode, '+') == NULL) return real(path, mode);
  if (shim_path(AT_FDCWD, path, full) == NULL) return real(path, mode);
  int flags = O_CREAT | O_CLOEXEC | (strchr(mode, '+') != NULL ? O_RDWR : O_WRONLY);
  flags |= mode[0] == 'a' ? O_APPEND : O_TRUNC;
  int fd = open(path, flags, 0666);
  if (fd < 0) return NULL;
  FILE *file = fdopen(fd, mode);
  struct stream *stream = calloc(1, sizeof *stream);
  stream->file = file;
  pthread_mutex_lock(&mutex);
  stream->next = streams;
  streams = stream;
  pthread_mutex_unlock(&mutex);
  return file;
}
FILE *fopen(const char *path, const char *mode) { return open_stream(path, mode); }
FILE *fopen64(const char *path, const char *mode) { return open_stream(path, mode); }

/* As glibc's: what was not taken stays in the buffer and goes with the next try. */
static int flush(struct stream *stream) {
  size_t done = 0;
  while (done < stream->used) {
    ssize_t written = write(fileno(stream->file), stream->buffer + done, stream->used - done);
    if (written < 0) break;
    done += (size_t)written;
  }
  memmove(stream->buffer, stream->buffer + done, stream->used - done);
  stream->used -= done;
  return stream->used == 0 ? 0 : EOF;
}

static size_t put(struct stream *stream, const char *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    if (stream->used == BUFFER_BYTES && flush(stream) != 0) break;
    size_t room = BUFFER_BYTES - stream->used;
    size_t piece = length - done < room ? length - done : room;
    memcpy(stream->buffer + stream->used, bytes + done, piece);
    stream->used += piece;
    done += piece;
  }
  return done;
}

#define FWRITE(name) \
  size_t name(const void *bytes, size_t size, size_t count, FILE *file) { \
    struct stream *stream = find(file); \
    if (stream != NULL) return size == 0 ? 0 : put(stream, bytes, size * count) / size; \
    static size_t (*real)(const void *, size_t, size_t, FILE *); \
    if (real == NULL) real = (size_t(*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, #name); \
    return real(bytes, size, count, file); \
  }
FWRITE(fwrite)
FWRITE(fwrite_unlocked)

#define FFLUSH(name) \
  int name(FILE *file) { \
    struct stream *stream = file == NULL ? NULL : find(file); \
    if (stream != NULL) return flush(stream); \
    static int (*real)(FILE *); \
    if (real == NULL) real = (int (*)(FILE *))dlsym(RTLD_NEXT, #name); \
    return real(file); \
  }
FFLUSH(fflush)
FFLUSH(fflush_unlocked)

int fclose(FILE *file) {
  static int (*real)(FILE *);
  if (real == NULL) real = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
  struct stream *stream = find(file);
  if (stream == NULL) return real(file);
  int flushed = flush(stream);
  pthread_mutex_lock(&mutex);
  struct stream **at = &streams;
  while (*at != stream) at = &(*at)->next;
  *at = stream->next;
  pthread_mutex_unlock(&mutex);
  free(stream);
  /* Its descriptor is closed inside libc, where `close` of calls.c is not asked. */
  shim_lock();
  shim_forget(fileno(file));
  int closed = real(file);
  shim_unlock();
  return flushed != 0 ? EOF : closed;
}
