/*
 * A disk that loses what was not synced, or fails, between a process and its data folder (LD_PRELOAD).
 *
 * PGTIDE_SHIM_ROOT     the folder, as realpath gives it; all else is left alone.
 * PGTIDE_SHIM_JOURNAL  a file that gets every change of the folder in order, syncs included (journal.ts reads it).
 * PGTIDE_SHIM_CONTROL  a file of struct control, mapped: faults are armed and lifted from outside while the process runs.
 * PGTIDE_SHIM_NO_SYNC  a pattern of paths whose fsync and fdatasync are not noted: a bug that the checker has to see.
 *
 * Syncs do not reach the real disk: what would be left is computed from the journal. io_uring has to be off (UV_USE_IO_URING=0).
 */
#ifndef PGTIDE_SHIM_H
#define PGTIDE_SHIM_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum op { op_create = 1, op_write, op_truncate, op_sync, op_rename, op_unlink, op_mkdir, op_rmdir, op_sync_folder, op_link };

enum kind { kind_write = 1, kind_sync = 2, kind_rename = 4, kind_open = 8, kind_unlink = 16, kind_mkdir = 32, kind_truncate = 64 };

/* Written by the test, counters by the shim. Little endian, 64 bytes and the pattern. */
struct control {
  int32_t kinds;      /* mask of enum kind */
  int32_t error;      /* errno; 0 with kind_write: a short write */
  int64_t countdown;  /* 0: disarmed; n: the nth call fails; -1: every one */
  int32_t persistent; /* after the nth all fail */
  int32_t reserved;
  int64_t seen;       /* matching calls since armed */
  int64_t fired;      /* of which failed */
  char reserved2[24];
  char pattern[64];   /* of paths (fnmatch); empty: all */
};

void shim_lock(void);
void shim_unlock(void);

/* The absolute path when it is in the folder, in `out` (PATH_MAX); NULL else. */
const char *shim_path(int dirfd, const char *path, char *out);

/* What is known of a descriptor in the folder; NULL: not ours. */
struct tracked {
  char *path;
  uint64_t inode;
  uint64_t device;
  bool append;
  bool folder;
};
struct tracked *shim_fd(int fd);
void shim_track(int fd, const char *path, bool append);
void shim_forget(int fd);

void shim_note(enum op op, const char *path, uint64_t inode, uint64_t offset, const void *data, size_t length);

/* 0: go on; an errno: fail with it; -1: write a part only. */
int shim_fault(enum kind kind, const char *path);
bool shim_sync_ignored(const char *path);

#endif
