#pragma once
// Linux calls that glibc declares only under _GNU_SOURCE, which Swift's Glibc module is built without.
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/types.h>

int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
              unsigned int flags);
int sync_file_range(int fd, long long offset, long long nbytes, unsigned int flags);
enum { RENAME_NOREPLACE = 1, SYNC_FILE_RANGE_WRITE = 2 };

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
int prlimit(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *former);
enum { SPAWN_SETSID = 0x80 };
