#pragma once
// Linux calls that glibc declares only under _GNU_SOURCE, which Swift's Glibc module is built without.
int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
              unsigned int flags);
int sync_file_range(int fd, long long offset, long long nbytes, unsigned int flags);
enum { RENAME_NOREPLACE = 1, SYNC_FILE_RANGE_WRITE = 2 };
